"""Looks at the console with Chromium: browser.py URL TOKEN FOLDER SVC STATE AXE [keys] [greyscale] [tabs] [topics].

Prints one line of JSON for each view: what it saw, and what was wrong. Pictures go to FOLDER, named by STATE. AXE is the
script of axe-core, by which each view is judged, or "-".
"""
import json
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

url, token, folder, svc, state, axe = sys.argv[1:7]
more = sys.argv[7:]
axe_script = None if axe == "-" else open(axe, encoding="utf-8").read()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def open_browser():
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options)
    browser.set_script_timeout(60)
    return browser


def shape(width, dark):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})


def until(probe, within=30):
    end = time.time() + within
    while time.time() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    return None


def find(selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def tell(**what):
    print(json.dumps(what), flush=True)


def wrong_with(expected=()):
    """What the browser complains of, what is too wide, and what axe-core finds."""
    found = [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    found = [message for message in found if not any(part in message for part in expected)]
    wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"{wide} pixels wider than the window")
    if axe_script:
        browser.execute_script(axe_script)
        judged = browser.execute_async_script("""
            const done = arguments[1];
            axe.run(document, { runOnly: arguments[0] }).then(
                (result) => done(result.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 200)).join(" | "))),
                (error) => done(["axe: " + error]));""", RULES)
        found.extend(judged)
    return found


def picture(name):
    browser.save_screenshot(f"{folder}/{name}.png")


def log_in():
    browser.get(url + "/")
    browser.find_element(By.NAME, "token").send_keys(token, Keys.ENTER)
    until(lambda: "log" not in browser.current_url)


def look():
    rows = "#rows li[data-svc]" if state != "empty" else "#rows p"
    views = [("list", "/", rows), ("incidents", "/incidents", "h2")]
    if "topics" in more:
        topics = ["feeds", "market", "analysis", "mesh", "truth", "notify"]
        views = [(topic, "/" + topic, "#topic h3") for topic in topics]
    elif state != "empty":
        views.append(("detail", "/services/" + svc, "#bars svg"))
    for width in (1280, 320):
        for dark in (False, True):
            shape(width, dark)
            shade = "dark" if dark else "light"
            for name, path, there in views:
                browser.get(url + path)
                seen = until(lambda: find(there))
                picture(f"{state}-{name}-{width}-{shade}")
                tell(view=name, state=state, width=width, shade=shade, rows=len(seen or []), wrong=wrong_with())


def login_page():
    shape(320, False)
    tell(view="login", rows=len(find("input")), wrong=wrong_with(expected=("401",)))
    if axe_script:
        # Whoever never complains says nothing by not complaining.
        browser.execute_script("document.body.append(document.createElement('button'))")
        complaints = wrong_with(expected=("401",))
        browser.refresh()
        tell(view="axe", rows=len([c for c in complaints if "button-name" in c]), wrong=[])


def keys():
    """Silencing by the keyboard alone, and the keys of the list."""
    shape(1280, False)
    browser.get(url + "/services/" + svc)
    until(lambda: find("[name=why]"))
    browser.find_element(By.NAME, "why").send_keys("new disks <b>", Keys.ENTER)
    done = until(lambda: "silenced" in browser.find_element(By.ID, "done").text)
    planned = until(lambda: "planned" in browser.find_element(By.ID, "now").text)
    tell(view="silence", done=bool(done), planned=bool(planned), wrong=wrong_with())
    browser.get(url + "/")
    until(lambda: find("#rows li[data-svc]"))
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys("j")
    until(lambda: find("li.current"))
    body.send_keys("/")
    focused = browser.execute_script("return document.activeElement.id")
    tell(view="keys", current=len(find("li.current")), focused=focused, title=browser.title, wrong=wrong_with())


def greyscale():
    """Without colours each state has a sign and a word of its own, and each kind of cell a shape of its own."""
    shape(1280, False)
    browser.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    browser.get(url + "/")
    until(lambda: find("#rows li[data-svc]"))
    stands = browser.execute_script("""
        return [...document.querySelectorAll("#rows .stand")].map((node) => [node.className.split(" ").pop(), node.textContent]);""")
    browser.get(url + "/services/" + svc)
    until(lambda: find("#bars svg rect"))
    shapes = browser.execute_script("""
        const shapes = {};
        for (const rect of document.querySelectorAll("#bars svg rect")) {
            const kind = rect.getAttribute("class");
            const look = ["y", "height"].map((name) => rect.getAttribute(name)).join(" ") + (getComputedStyle(rect).fill === "none" ? " hollow" : "");
            (shapes[kind] = shapes[kind] || new Set()).add(look);
        }
        return Object.fromEntries(Object.entries(shapes).map(([kind, looks]) => [kind, [...looks]]));""")
    picture(f"{state}-greyscale")
    browser.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    tell(view="greyscale", stands=stands, shapes=shapes, wrong=wrong_with())


def tabs():
    """Eight tabs: a browser makes six connections to a host, and each live tab holds one."""
    shape(1280, False)
    handles = [browser.current_window_handle]
    for _ in range(7):
        browser.switch_to.new_window("tab")
        handles.append(browser.current_window_handle)
        browser.set_page_load_timeout(120)
        browser.get(url + "/")
        if not until(lambda: find("#rows li[data-svc]"), 120):
            break
    rows = []
    for handle in handles[1:]:
        browser.switch_to.window(handle)
        until(lambda: "live" in browser.find_element(By.ID, "live").text, 120)
        rows.append(len(find("#rows li[data-svc]")))
    tell(view="tabs", rows=rows, live=browser.find_element(By.ID, "live").text, wrong=[])


browser = open_browser()
try:
    browser.get(url + "/login")
    if "keys" in more:
        login_page()
    log_in()
    look()
    if "greyscale" in more:
        greyscale()
    if "keys" in more:
        keys()
    if "tabs" in more:
        tabs()
finally:
    browser.quit()
