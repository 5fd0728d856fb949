"""`python -m whisper_appliance` is `whisper-appliance`."""

from whisper_appliance.cli import main

if __name__ == "__main__":
    main()
