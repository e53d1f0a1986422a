# SPDX-License-Identifier: MIT
"""A real Chromium without a screen, as a person's eyes and fingers."""
import base64

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--hide-scrollbars", "--disable-background-networking",
         "--disable-component-update", "--disable-dev-shm-usage"]


class Browser:
    def __init__(self, directory):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in [*FLAGS, f"--user-data-dir={directory}/chromium"]:
            options.add_argument(flag)
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.size(1200, 900)

    def close(self):
        self.driver.quit()

    def size(self, width, height, pixels_a_point=1):
        self._tell("Emulation.setDeviceMetricsOverride",
                   width=width, height=height, deviceScaleFactor=pixels_a_point, mobile=False)

    def scheme(self, name):
        """Wants pages "light" or "dark"."""
        self._tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def hurry(self, factor):
        """Pages that are opened from now on wait so much shorter between two looks."""
        self._tell("Page.addScriptToEvaluateOnNewDocument",
                   source=f"const wait = setTimeout; setTimeout = (act, ms) => wait(act, ms / {factor})")

    def open(self, url):
        self.driver.get(url)
        return self

    def text(self, selector="body"):
        """What a person reads there; "" where there is nothing (any more)."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(n => n.innerText).join('\\n')", selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def click(self, selector):
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, key):
        """Presses a key where the focus is: "TAB", "ENTER"."""
        self.driver.switch_to.active_element.send_keys(getattr(Keys, key))

    def type(self, text):
        """Types a text where the focus is."""
        self.driver.switch_to.active_element.send_keys(text)

    def language(self, accepted):
        """What pages are asked for in, as in the header Accept-Language."""
        self._tell("Network.setUserAgentOverride", userAgent=self.run("return navigator.userAgent"), acceptLanguage=accepted)

    def complaints(self):
        """What the console has said since it was last asked."""
        return [line["message"] for line in self.driver.get_log("browser")]

    def picture(self):
        """A PNG of the whole page."""
        width, height = self.run("const d = document.documentElement; return [d.scrollWidth, d.scrollHeight]")
        shot = self._tell("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                          clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        return base64.b64decode(shot["data"])

    def _tell(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)
