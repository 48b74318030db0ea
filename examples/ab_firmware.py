"""An installer with two images, A and B, that falls back to the old image when the new one does not come up.

It is a program for ``[hooks]``::

    install = ["python3", "ab_firmware.py", "/firmware", "install"]
    installed = ["python3", "ab_firmware.py", "/firmware", "installed"]
    images = ["python3", "ab_firmware.py", "/firmware", "images"]

``install`` writes the new image beside the running one and puts it on trial. The boot loader runs ``boot``, which
prints the image to start: the one on trial once, and from then on the old one again, until ``installed`` has confirmed
the new one. ``images`` lists both, and takes the choice of the ACS. ``/firmware`` stands for the flash: the images
``a`` and ``b``, and the file ``state.json``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

MAGIC = b"FIRMWARE "
"""Begin of an image."""
RESTART = 10
"""Exit status: applied, and in force after a restart."""


SLOTS = ("a", "b")


def read_state(flash: Path) -> dict[str, Any]:
    """The state.

    ``active``: the image in use; ``trial``: the image on trial, with the number of its ``starts``; ``running``: the
    image started last. ``chosen``: the image that was installed or chosen last. ``failures``: why images did not come
    up; ``forbidden``: images that must not be started.
    """
    state = {"active": "a", "trial": "", "starts": 0, "running": "a", "chosen": "a", "failures": {}, "forbidden": []}
    try:
        return state | json.loads((flash / "state.json").read_text())
    except FileNotFoundError:
        return state


def write_state(flash: Path, state: dict[str, Any]) -> None:
    """Replace the state at once, so that a loss of power leaves the old or the new one."""
    new = flash / "state.new"
    with new.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(flash / "state.json")


def install(flash: Path, image: Path) -> int:
    """Write ``image`` beside the image in use, and put it on trial."""
    with image.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            print("this is no image for this device")
            return 1
    state = read_state(flash)
    slot = "b" if state["running"] == "a" else "a"
    state |= {"active": state["running"], "chosen": state["running"], "trial": ""}
    state["failures"].pop(slot, None)
    write_state(flash, state)
    print(f"progress: writing image {slot}")
    try:
        with image.open("rb") as file, (flash / slot).open("wb") as target:
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        print(f"image {slot} cannot be written: {error.strerror}")
        return 1
    state["forbidden"] = [other for other in state["forbidden"] if other != slot]
    write_state(flash, {**state, "trial": slot, "starts": 0, "chosen": slot})
    return RESTART


def boot(flash: Path) -> int:
    """Print the image to start: an image on trial is started once."""
    state = read_state(flash)
    on_trial = state["trial"] and state["starts"] == 0
    state |= {"running": state["trial"] if on_trial else state["active"], "starts": state["starts"] + 1}
    write_state(flash, state)
    print(state["running"])
    return 0


def installed(flash: Path) -> int:
    """Confirm the image on trial if it is the one that runs."""
    state = read_state(flash)
    if not state["trial"] or state["running"] != state["trial"]:
        reason = f"the new image did not come up: image {state['running']} runs again"
        if state["trial"]:
            state["failures"][state["trial"]] = reason
        write_state(flash, {**state, "trial": ""})
        print(reason)
        return 1
    write_state(flash, {**state, "active": state["trial"], "trial": ""})
    return 0


def images(flash: Path) -> int:
    """Carry out the choice of the ACS; without one, print a line for each image."""
    state = read_state(flash)
    if "CWMP_BOOT_IMAGE" in os.environ:
        return choose(flash, state, os.environ["CWMP_BOOT_IMAGE"])
    if "CWMP_IMAGE" in os.environ:
        slot = os.environ["CWMP_IMAGE"]
        forbidden = [other for other in state["forbidden"] if other != slot]
        if os.environ["CWMP_AVAILABLE"] != "true":
            forbidden.append(slot)
        write_state(flash, {**state, "forbidden": forbidden})
        return 0
    for slot in SLOTS:
        image = flash / slot
        version = ""
        if image.exists():
            with image.open("rb") as file:
                version = file.readline(100).decode(errors="replace").removeprefix(MAGIC.decode()).strip()
        failure = state["failures"].get(slot, "")
        line = {
            "slot": slot,
            "name": f"image {slot}",
            "version": version,
            "status": "ActivationFailed" if failure else "Available" if image.exists() else "NoImage",
            "available": image.exists() and slot not in state["forbidden"],
            "active": slot == state["running"],
            "boot": slot == state["chosen"],
            "target": slot != state["running"],
            "failure": failure,
        }
        print(json.dumps(line))
    return 0


def choose(flash: Path, state: dict[str, Any], slot: str) -> int:
    """Let the next start be one of the image ``slot``. An image that did not come up is not tried again."""
    if slot in state["failures"]:
        print(f"image {slot} did not come up: install it again")
        return 1
    if slot != state["trial"]:
        state |= {"active": slot, "trial": ""}
    write_state(flash, {**state, "chosen": slot})
    return 0


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    flash, command = Path(arguments[0]), arguments[1]
    if command == "install":
        return install(flash, Path(os.environ["CWMP_FILE"]))
    return {"boot": boot, "images": images, "installed": installed}[command](flash)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
