// A browser, and what must hold for every page that it shows.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const desktop = { width: 1280, height: 800 };
const phone = { width: 360, height: 740 };

export const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});

/// A visitor with cookies of its own. What its pages complain about is an error: of scripts, and of what the content
/// security policy forbids.
export async function newVisitor(options = {}) {
    const context = await browser.newContext({ baseURL: process.env.WEB_APP, viewport: desktop, ...options });
    const page = await context.newPage();
    page.complaints = [];
    page.on('console', (message) => {
        // Chromium says so of any page whose status is an error.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
            page.complaints.push(message.text());
        }
    });
    page.on('pageerror', (error) => page.complaints.push(error.message));
    page.on('dialog', (dialog) => {
        page.complaints.push(`a dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    return page;
}

/// What breaks the rules of accessibility.
export async function breaches(page) {
    await page.evaluate(axe);
    // Not `preload`, which reads style sheets again: a page that was opened as a file may not.
    const { violations } = await page.evaluate(() =>
        globalThis.axe.run({ preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/// Looks at the page: accessible in light and dark, nowhere wider than a phone, without the API key, nothing to complain
/// about.
export async function inspect(page, name) {
    for (const colorScheme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await breaches(page), [], `${name}, ${colorScheme}`);
        await page.screenshot({ path: `screenshots/${name}-${colorScheme}.png`, fullPage: true });
    }
    // 640 is the desktop's page at 200 %, 320 that at 400 %.
    for (const width of [640, 320, phone.width]) {
        await page.setViewportSize({ ...phone, width });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${name} is ${wide} wide where ${width} are there`);
    }
    assert.deepEqual(await breaches(page), [], `${name} on a phone`);
    await page.screenshot({ path: `screenshots/${name}-phone.png`, fullPage: true });
    await page.setViewportSize(desktop);
    assert.ok(!(await page.content()).includes(process.env.PASSAGE_API_KEY), `${name} shows the key`);
    assert.deepEqual(page.complaints, [], name);
}

/// Presses Tab until the focus is on what a selector names; it must be reached.
export async function tabTo(page, selector) {
    for (let presses = 0; presses < 100; ++presses) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) {
            return;
        }
    }
    assert.fail(`the keyboard does not reach ${selector}`);
}
