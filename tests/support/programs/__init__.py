"""Programs that tests start, signal and kill."""

import gc

gc.disable()  # as `cli.serve` does: the objects of a start are no garbage; the server enables it again
