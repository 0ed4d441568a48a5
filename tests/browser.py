"""Chromium driven through the pipe of its DevTools protocol: pages opened, scripts run, real clicks and keys."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One headless Chromium with one page; what the page writes to the console is kept in `messages`."""

    def __init__(self, *, width=1280, height=1000, timeout=60.0):
        self.folder = tempfile.mkdtemp()
        self.timeout = timeout
        self.messages = []
        self._numbers = itertools.count(1)
        self._rest = b""
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def hand_over():
            # The protocol's pipe is file descriptors 3 and 4; move ours out of the way first.
            ends = os.dup(to_browser), os.dup(from_browser)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self.folder}", f"--window-size={width},{height}", "about:blank"],
            preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._in, False)
        self.session = None
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.send("Browser.close")
        except (OSError, TimeoutError):
            self.process.kill()
        self.process.wait(20)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, method, **parameters):
        """Return the answer to one command."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + self.timeout
        while (message := self._next(deadline)).get("id") != number:
            self._note(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def _next(self, deadline):
        while b"\0" not in self._rest:
            if time.monotonic() > deadline:
                raise TimeoutError("the browser does not answer")
            try:
                chunk = os.read(self._in, 1 << 20)
            except BlockingIOError:
                time.sleep(0.002)
                continue
            if not chunk:
                raise OSError("the browser ended")
            self._rest += chunk
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def _note(self, message):
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.messages.append(("exception", details.get("exception", {}).get("description", details["text"])))
        if message.get("method") == "Log.entryAdded":
            self.messages.append((parameters["entry"]["level"], parameters["entry"]["text"]))
        if message.get("method") == "Runtime.consoleAPICalled":
            self.messages.append((parameters["type"], str([value.get("value") for value in parameters["args"]])))

    @property
    def errors(self):
        """What went wrong in the page so far."""
        self.run("0")  # whatever is on its way has then arrived
        return [text for level, text in self.messages if level in {"error", "exception", "assert"}]

    def resize(self, width, height, *, scale=1, mobile=False):
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )

    def dark(self, on=True):
        value = "dark" if on else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def open(self, path, *, until="true"):
        """Open a file and wait until an expression is true."""
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")
        self.wait(until)

    def run(self, expression):
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def wait(self, expression, timeout=None):
        """Wait until an expression is true."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                if self.run(f"Boolean({expression})"):
                    return
            except RuntimeError:  # a page that is being replaced
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {expression}")
            time.sleep(0.02)

    def click(self, x, y):
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left" if kind != "mouseMoved" else "none",
                buttons=buttons,
                clickCount=1,
            )
            if kind == "mouseMoved":
                time.sleep(0.15)  # hovering comes first: Plotly clicks on what is hovered

    def drag(self, start, end, steps=6):
        """Press at one place and release at another."""
        points = [[a + (b - a) * step / steps for a, b in zip(start, end, strict=True)] for step in range(steps + 1)]
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=start[0], y=start[1])
        self.send(
            "Input.dispatchMouseEvent",
            type="mousePressed",
            x=start[0],
            y=start[1],
            button="left",
            buttons=1,
            clickCount=1,
        )
        for x, y in points:
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], button="left", clickCount=1)

    def press(self, key):
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "ArrowLeft": 37}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "code": {" ": "Space"}.get(key, key), "windowsVirtualKeyCode": codes[key]}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, out, *, whole=False):
        """Save what is seen, or the whole page, as PNG."""
        import base64

        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(out).write_bytes(base64.b64decode(answer["data"]))
