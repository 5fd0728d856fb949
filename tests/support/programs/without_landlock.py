"""The command line on a kernel without Landlock: `-m tests.support.programs.without_landlock COMMAND`."""

import errno

from whisper_appliance.cli import main
from whisper_appliance.core import sandbox, seccomp

if __name__ == "__main__":
    sandbox.set_no_new_privs()
    with seccomp._filter(seccomp._ALLOW) as rules:
        rules.add(seccomp._error(errno.ENOSYS), "landlock_create_ruleset")
        assert rules.load()
    assert sandbox.landlock_version() == 0
    main()
