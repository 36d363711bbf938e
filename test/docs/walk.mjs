// A walk through the site, as files: what a reader sees, with a mouse, a keyboard or a phone.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { breaches, browser, newVisitor, tabTo } from './browser.mjs';

after(() => browser.close());

const site = process.env.SITE;
const desktop = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const looks = [
    ['light', desktop, 'light'],
    ['dark', phone, 'dark'],
];
// One of each kind: larger ones have the same parts, and take axe much longer.
const main = ['index', 'tutorial', 'settings', 'errors', 'benchmarks', 'reference/index', 'reference/tokens'];

const urlOf = (page) => pathToFileURL(join(site, page)).href;

/// A visitor who may load nothing but files.
async function newReader(options) {
    const page = await newVisitor(options);
    page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) {
            page.complaints.push(`a request of ${request.url()}`);
        }
    });
    return page;
}

for (const name of main) {
    test(`${name} is accessible, in the light and in the dark on a phone`, async () => {
        const page = await newReader();
        for (const [look, viewport, colorScheme] of looks) {
            await page.setViewportSize(viewport);
            await page.emulateMedia({ colorScheme });
            await page.goto(urlOf(`${name}.html`));
            assert.deepEqual(await breaches(page), [], look);
            await page.screenshot({ path: `screenshots/${name.replace('/', '-')}-${look}.png` });
        }
        await leave(page);
    });
}

test('no page is wider than a phone', async () => {
    const page = await newReader({ viewport: phone });
    const pages = readdirSync(site, { recursive: true }).filter((name) => /^(?!source\/).*\.html$/.test(name));
    assert.ok(pages.length > main.length);
    for (const name of pages) {
        await page.goto(urlOf(name));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= phone.width, `${name} is ${wide} wide`);
        assert.equal(await page.locator('h1').count(), 1, name);
    }
    await leave(page);
});

test('the keyboard reaches the content, the search and what is found', async () => {
    const page = await newReader();
    await page.goto(urlOf('errors.html'));
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'content');

    await page.keyboard.press('/');
    await page.keyboard.type('get_user');
    await page.locator('.results a').first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/reference\/operations\.html#Client-get_user$/);
    assert.ok(await page.locator('#Client-get_user').isVisible());

    await page.goto(urlOf('index.html'));
    await tabTo(page, '#menu [href$="errors.html"]');
    await page.keyboard.press('Enter');
    await page.waitForURL(/errors\.html$/);
    await leave(page);
});

test('a phone has a menu, also without scripts', async () => {
    const page = await newReader({ viewport: phone, javaScriptEnabled: false });
    await page.goto(urlOf('index.html'));
    assert.ok(!(await page.locator('#menu').isVisible()));
    await page.getByRole('link', { name: 'Menu', exact: true }).click();
    await page.locator('#menu').getByRole('link', { name: 'Recipes' }).click();
    await page.waitForURL(/recipes\.html$/);
    assert.ok(!(await page.locator('#menu').isVisible()));
    await leave(page);
});

async function leave(page) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
}
