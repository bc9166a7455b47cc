"""Looks at the console with Chromium: browser.py URL TOKEN FOLDER SVC.

Prints one line of JSON for each view: what it saw, and what was wrong. Pictures go to FOLDER.
"""
import json
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

url, token, folder, svc = sys.argv[1:5]


def open_browser(width, dark):
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    return browser


def until(probe, within=20):
    end = time.time() + within
    while time.time() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    return None


def tell(**what):
    print(json.dumps(what), flush=True)


def wrong_with(browser):
    found = [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"{wide} pixels wider than the window")
    return found


def log_in(browser):
    browser.get(url + "/")
    browser.find_element(By.NAME, "token").send_keys(token, Keys.ENTER)
    until(lambda: "log" not in browser.current_url)


for width in (1280, 320):
    for dark in (False, True):
        browser = open_browser(width, dark)
        try:
            log_in(browser)
            for name, path, there in (
                ("list", "/", "#rows li[data-svc]"),
                ("detail", "/services/" + svc, "#bars svg"),
                ("incidents", "/incidents", "h2"),
            ):
                browser.get(url + path)
                seen = until(lambda: browser.find_elements(By.CSS_SELECTOR, there))
                time.sleep(0.3)
                shade = "dark" if dark else "light"
                browser.save_screenshot(f"{folder}/{name}-{width}-{shade}.png")
                tell(view=name, width=width, shade=shade, rows=len(seen or []), wrong=wrong_with(browser))
            if width == 1280 and not dark:
                # Silencing by the keyboard alone.
                browser.get(url + "/services/" + svc)
                until(lambda: browser.find_elements(By.NAME, "why"))
                why = browser.find_element(By.NAME, "why")
                why.send_keys("new disks <b>", Keys.ENTER)
                done = until(lambda: "silenced" in browser.find_element(By.ID, "done").text)
                planned = until(lambda: "planned" in browser.find_element(By.ID, "now").text)
                tell(view="silence", done=bool(done), planned=bool(planned), wrong=wrong_with(browser))
                # The keys of the list.
                browser.get(url + "/")
                until(lambda: browser.find_elements(By.CSS_SELECTOR, "#rows li[data-svc]"))
                body = browser.find_element(By.TAG_NAME, "body")
                body.send_keys("j")
                until(lambda: browser.find_elements(By.CSS_SELECTOR, "li.current"))
                body.send_keys("/")
                focused = browser.execute_script("return document.activeElement.id")
                tell(view="keys", current=len(browser.find_elements(By.CSS_SELECTOR, "li.current")), focused=focused,
                     title=browser.title, wrong=wrong_with(browser))
        finally:
            browser.quit()
