import os
import signal
import sys
import time

with open(os.environ["CWMP_FILE"], "rb") as file:
    begin = file.read(5)
if begin == b"hang ":
    time.sleep(600)
elif begin == b"die  ":
    os.kill(os.getpid(), signal.SIGKILL)
elif begin == b"flood":
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\n")
    sys.exit("no room on the flash")
with open(sys.argv[1], "a") as file:
    file.write(os.environ["CWMP_COMMAND_KEY"] + "\n")
