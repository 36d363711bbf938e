// A walk through the web application, as a visitor, a user and an administrator see it.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browser, inspect, newVisitor, tabTo } from './browser.mjs';
import { issueToken, plantDevice, plantEvent, plantUser } from './service.mjs';

after(() => browser.close());

const hostile = `<script>alert("1")</script>'"><img src=x onerror=alert(2)>`;

const ada = await plantUser({ email: 'ada.admin@example.com' });
const jane = await plantUser({ email: 'jane.doe@example.com', phone: '+15005550006', login_count: 42 });
const mallory = await plantUser({
    email: `"><script>alert(3)</script>@evil.example`,
    user_metadata: { note: hostile },
});
await plantDevice(jane, { friendly_name: 'Chrome on Mac', type: 'passkey', usage_count: 17 });
await plantDevice(jane, { friendly_name: 'Blue key', type: 'security_key' });
await plantDevice(mallory, { friendly_name: hostile });
await plantEvent(jane, { type: 'passkey_login', user_agent_display: 'Chrome on Mac', ip_addr: '203.0.113.17' });
const adasToken = await issueToken(ada);
const janesToken = await issueToken(jane);

/// A test that goes on where the last one ended.
let failed = false;
function step(name, walk) {
    test(name, async (context) => {
        if (failed) {
            return context.skip('something failed before');
        }
        failed = true;
        await walk();
        failed = false;
    });
}

async function signIn(page, token) {
    await page.goto('/sign-in');
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

async function heading(page) {
    return page.getByRole('heading', { level: 1 }).textContent();
}

async function notice(page) {
    return page.locator('.notice').textContent();
}

async function press(page, button) {
    await page.getByRole('button', { name: button, exact: true }).click();
}

/// A table of users; some lines are bad.
function csv(name, users, badLines = []) {
    const lines = ['\uFEFFemail,plan', ...badLines];
    for (let i = 0; i < users; ++i) {
        lines.push(`${name}${i}@import.example,"pro, yearly"`);
    }
    return { name: 'users.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\r\n')) };
}

async function upload(page, file) {
    await page.goto('/admin/import');
    await page.getByLabel('CSV file').setInputFiles(file);
    await press(page, 'Import');
}

const visitor = await newVisitor();
const user = await newVisitor();
const admin = await newVisitor();

step('a page for everyone leads to the door', async () => {
    await visitor.goto('/');
    await inspect(visitor, 'home');
    await visitor.getByRole('link', { name: 'Your account' }).click();
    assert.equal(await heading(visitor), 'Sign in');
    await inspect(visitor, 'sign-in');
});

step('a token that is no good is refused, and the reason is told', async () => {
    const expired = await issueToken(jane, { exp: 1600000000 });
    for (const [token, reason] of [
        ['not.a.token', 'This is not a token of this site.'],
        [janesToken.slice(0, -8) + 'AAAAAAAA', 'This is not a token of this site.'],
        [await issueToken(jane, { aud: ['other'] }), 'This token is for another site.'],
        [expired, 'This token has expired. Ask for a new one.'],
    ]) {
        await signIn(visitor, token);
        assert.equal(await visitor.getByRole('alert').textContent(), reason);
        assert.equal(await visitor.getByLabel('Token').inputValue(), '');
    }
    await inspect(visitor, 'sign-in-refused');
    await visitor.goto('/account');
    assert.equal(await heading(visitor), 'Sign in');
});

step('a user signs in and sees the account', async () => {
    await user.goto(`/sign-in#${janesToken}`);
    assert.equal(new URL(user.url()).hash, '');
    await press(user, 'Sign in');
    assert.equal(await heading(user), 'Your account');
    for (const text of ['jane.doe@example.com', '+15005550006', '42', 'Blue key', '203.0.113.17']) {
        assert.ok(await user.getByText(text).first().isVisible(), text);
    }
    await inspect(user, 'account');
    const cookies = await user.context().cookies();
    assert.deepEqual(cookies.map(({ name }) => name).sort(), ['csrf', 'psg_auth_token']);
    assert.ok(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Lax'));
});

step('a user who is no administrator is kept out', async () => {
    for (const path of ['/admin/users', `/admin/users/${jane}`, '/admin/import', '/admin/import/progress']) {
        const response = await user.goto(path);
        assert.equal(response.status(), 403, path);
    }
    await inspect(user, 'forbidden');
});

step('an administrator pages through the users', async () => {
    await signIn(admin, adasToken);
    await admin.getByRole('link', { name: 'Users' }).click();
    assert.ok(await admin.getByText('63 users').isVisible());
    await inspect(admin, 'users');

    const seen = new Set();
    for (let page = 1; ; ++page) {
        assert.ok(await admin.getByText(`Page ${page} of 3`).isVisible());
        for (const name of await admin.locator('tbody th').allTextContents()) {
            seen.add(name);
        }
        const next = admin.getByRole('link', { name: 'Next page' });
        if ((await next.count()) === 0) {
            break;
        }
        await next.click();
    }
    assert.equal(seen.size, 63);
    await admin.getByRole('link', { name: 'Previous page' }).click();
    assert.ok(await admin.getByText('Page 2 of 3').isVisible());
});

step('the list is searched, narrowed and ordered', async () => {
    await admin.goto('/admin/users');
    await admin.getByLabel('E-mail or phone').fill('jane.doe@');
    await press(admin, 'Search');
    assert.deepEqual(await admin.locator('tbody th').allTextContents(), ['jane.doe@example.com']);
    assert.equal(await admin.getByLabel('E-mail or phone').inputValue(), 'jane.doe@');

    await admin.goto('/admin/users');
    await admin.getByLabel('Status').selectOption('inactive');
    await admin.getByLabel('Order').selectOption('most sign-ins first');
    await press(admin, 'Search');
    const statuses = await admin.locator('tbody td[data-label=Status]').allTextContents();
    assert.ok(statuses.length > 0 && statuses.every((status) => status === 'inactive'));
    const logins = (await admin.locator('tbody td[data-label=Sign-ins]').allTextContents()).map(Number);
    assert.deepEqual(logins, logins.toSorted((a, b) => b - a));

    await admin.goto(`/admin/users?search=${encodeURIComponent(hostile)}`);
    assert.ok(await admin.getByText('Nobody is like that.').isVisible());
    assert.equal(await admin.getByLabel('E-mail or phone').inputValue(), hostile);
    await inspect(admin, 'users-none');
});

step('a user is edited, and what is wrong is told beside what was entered', async () => {
    await admin.goto(`/admin/users/${jane}`);
    await inspect(admin, 'user');
    await admin.getByLabel('Phone').fill('12');
    await admin.getByLabel('Metadata').fill('{"plan": "pro"}');
    await press(admin, 'Save');
    await admin.getByRole('alert').waitFor();
    assert.equal(await admin.getByLabel('Phone').inputValue(), '12');
    await inspect(admin, 'user-refused');

    await admin.getByLabel('Phone').fill('');
    await admin.getByLabel('E-mail').fill('jane@example.com');
    await admin.getByLabel('Metadata').fill('{"plan": ');
    await press(admin, 'Save');
    assert.match(await admin.getByRole('alert').textContent(), /JSON object/);

    await admin.getByLabel('Metadata').fill('{"plan": "pro", "seats": 5}');
    await press(admin, 'Save');
    assert.equal(await notice(admin), 'The changes are saved.');
    assert.equal(await heading(admin), 'jane@example.com');
    assert.equal(await admin.getByLabel('Phone').inputValue(), '');
    assert.deepEqual(JSON.parse(await admin.getByLabel('Metadata').inputValue()), { plan: 'pro', seats: 5 });

    await press(admin, 'Save');
    assert.equal(await notice(admin), 'Nothing was changed.');
});

step('a user is deactivated, is shut out at once, and is activated', async () => {
    await press(admin, 'Deactivate');
    assert.equal(await notice(admin), "The user is deactivated, and can't sign in.");
    await user.goto('/account');
    assert.ok(await user.getByText('Your account is deactivated.').isVisible());
    await press(admin, 'Activate');
    assert.equal(await notice(admin), 'The user is active.');
    await user.goto('/account');
    assert.equal(await heading(user), 'Your account');
});

step('a device is deleted after a question', async () => {
    await admin.goto(`/admin/users/${jane}`);
    await admin.getByRole('link', { name: 'Delete device Blue key' }).click();
    assert.equal(await heading(admin), 'Delete this device?');
    await inspect(admin, 'delete-device');
    await press(admin, 'Delete');
    assert.equal(await notice(admin), 'The device is deleted.');
    assert.equal(await admin.getByText('Blue key').count(), 0);
    assert.equal(await admin.getByText('Chrome on Mac').first().isVisible(), true);
});

step('what users enter is shown, and never run', async () => {
    await admin.goto(`/admin/users/${mallory}`);
    assert.equal(await heading(admin), `"><script>alert(3)</script>@evil.example`);
    assert.ok(await admin.getByText(hostile).first().isVisible());
    assert.equal(JSON.parse(await admin.getByLabel('Metadata').inputValue()).note, hostile);
    assert.equal(await admin.locator('main script, main img').count(), 0);
    await inspect(admin, 'user-hostile');
    await admin.goto('/admin/users?search=evil.example');
    assert.equal(await admin.locator('tbody th').count(), 1);
    assert.deepEqual(admin.complaints, []);
});

step('a user is deleted after a question', async () => {
    await admin.goto(`/admin/users/${mallory}`);
    await admin.getByRole('link', { name: 'Delete…' }).click();
    await inspect(admin, 'delete-user');
    await admin.getByRole('link', { name: 'Keep' }).click();
    await admin.getByRole('link', { name: 'Delete…' }).click();
    await press(admin, 'Delete');
    assert.equal(await notice(admin), 'The user is deleted.');
    const response = await admin.goto(`/admin/users/${mallory}`);
    assert.equal(response.status(), 404);
    await inspect(admin, 'not-found');
});

/// Sends a form as a page of the site would, but for what is given; the answer's status.
async function send(page, path, fields, headers = {}) {
    const response = await page.request.post(path, { form: fields, headers, maxRedirects: 0 });
    return response.status();
}

step('many who ask at once are all answered', async () => {
    const ask = async () => {
        for (let i = 0; i < 50; ++i) {
            const response = await fetch(`${process.env.WEB_APP}/account`, {
                headers: { Cookie: `psg_auth_token=${janesToken}` },
                signal: AbortSignal.timeout(20_000),
            });
            assert.equal(response.status, 200);
            assert.match(await response.text(), /jane@example.com/);
        }
    };
    await Promise.all(Array.from({ length: 32 }, ask));
});

step('an administrator can do no harm to the own account', async () => {
    await admin.goto(`/admin/users/${ada}`);
    const csrf = await admin.locator('[name=csrf]').first().inputValue();
    for (const button of ['Deactivate', 'Delete…']) {
        assert.equal(await admin.getByText(button, { exact: true }).count(), 0);
    }
    assert.equal(await send(admin, `/admin/users/${ada}/deactivate`, { csrf }), 403);
    assert.equal(await send(admin, `/admin/users/${ada}/delete`, { csrf }), 403);
    assert.equal(await send(admin, `/admin/users/${ada}`, { csrf, email: 'other@example.com' }), 403);
});

step('a form that the site did not make is refused', async () => {
    await admin.goto(`/admin/users/${jane}`);
    const csrf = await admin.locator('[name=csrf]').first().inputValue();
    const path = `/admin/users/${jane}/deactivate`;
    assert.equal(await send(admin, path, {}), 403);
    assert.equal(await send(admin, path, { csrf: '0'.repeat(32) }), 403);
    assert.equal(await send(admin, path, { csrf }, { Origin: 'https://evil.example' }), 403);
    assert.equal(await send(admin, path, { csrf }, { Origin: 'null' }), 403);
    await admin.reload();
    assert.ok(await admin.getByText('active', { exact: true }).isVisible());
    assert.equal(await send(admin, path, { csrf }, { Origin: process.env.WEB_APP }), 303);
    assert.equal(await send(admin, path.replace('deact', 'act'), { csrf }), 303);
});

step('users are imported while a bar shows how far it is', async () => {
    await admin.goto('/admin/import');
    await inspect(admin, 'import');
    await upload(admin, csv('new', 1000, ['jane@example.com,taken', 'one,two,three', '"never closed', 'nobody,', ',']));
    assert.equal(await heading(admin), 'Importing users');
    await admin.waitForFunction(() => {
        const bar = document.querySelector('progress');
        return bar.value > 100 && bar.value < bar.max;
    });
    await admin.getByRole('status').filter({ hasText: 'percent done' }).waitFor();
    await admin.screenshot({ path: 'screenshots/importing-light.png' });
    await admin.getByRole('heading', { name: 'Import finished' }).waitFor();

    assert.equal(await admin.locator('.lead').textContent(), '1000 of 1005 users created, 5 not.');
    assert.deepEqual(await admin.locator('tbody th').allTextContents(), ['2', '3', '4', '5', '6'].map((n) => `Line ${n}`));
    await inspect(admin, 'imported');
    await admin.goto('/admin/users?search=import.example');
    assert.ok(await admin.getByText('1000 users').isVisible());
});

step('a file that is no table of users is refused', async () => {
    for (const [text, reason] of [
        ['', /empty/],
        ['name,plan\r\nJane,pro\r\n', /email/],
        ['email,email\r\na@b.example,\r\n', /names/],
        ['"email\r\na@b.example\r\n', /first line/],
    ]) {
        await upload(admin, { name: 'users.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
        assert.match(await admin.getByRole('alert').textContent(), reason);
    }
    await inspect(admin, 'import-refused');
});

step('an import is cancelled', async () => {
    await upload(admin, csv('cancelled', 20_000));
    await admin.waitForFunction(() => document.querySelector('progress').value > 0);
    const csrf = await admin.locator('[name=csrf]').first().inputValue();
    const second = await admin.request.post('/admin/import', { multipart: { csrf, file: csv('second', 1) } });
    assert.equal(second.status(), 409);
    await press(admin, 'Cancel');
    await admin.getByRole('heading', { name: 'Import cancelled' }).waitFor();
    assert.match(await admin.locator('.lead').textContent(), / [1-9][0-9]* lines were not tried\.$/);
    assert.ok((await admin.locator('tbody th').count()) <= 16);
});

step('the keyboard is enough', async () => {
    await admin.goto('/admin/users');
    await admin.keyboard.press('Tab');
    assert.equal(await admin.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await admin.keyboard.press('Enter');
    await tabTo(admin, '#search');
    await admin.keyboard.type('jane@');
    await admin.keyboard.press('Enter');
    await admin.getByText('1 user', { exact: true }).waitFor();
    await tabTo(admin, 'tbody a');
    await admin.keyboard.press('Enter');
    await admin.getByRole('heading', { name: 'jane@example.com' }).waitFor();
    await tabTo(admin, '.actions button');
    await admin.keyboard.press('Enter');
    await admin.getByText('The user is deactivated').waitFor();
    await tabTo(admin, '.actions button');
    await admin.keyboard.press('Space');
    await admin.getByText('The user is active').waitFor();
});

step('scripts are not needed', async () => {
    const page = await newVisitor({ javaScriptEnabled: false });
    await signIn(page, adasToken);
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByLabel('E-mail or phone').fill('jane@');
    await press(page, 'Search');
    await page.getByRole('link', { name: 'jane@example.com' }).click();
    await page.getByLabel('Metadata').fill('{"plan": "free"}');
    await press(page, 'Save');
    assert.equal(await notice(page), 'The changes are saved.');
    await page.getByRole('link', { name: 'Delete…' }).click();
    await page.getByRole('link', { name: 'Keep' }).click();
    await upload(page, csv('plain', 300));
    assert.equal(await heading(page), 'Importing users');
    await page.getByRole('heading', { name: 'Import finished' }).waitFor();
    assert.equal(await page.locator('.lead').textContent(), '300 of 300 users created, 0 not.');
    await press(page, 'Sign out');
    assert.equal(await notice(page), 'You are signed out.');
});

step('a user signs out', async () => {
    await user.goto('/account');
    await press(user, 'Sign out');
    assert.equal(await notice(user), 'You are signed out.');
    assert.deepEqual((await user.context().cookies()).map(({ name }) => name), ['csrf']);
    await user.goto('/account');
    assert.equal(await heading(user), 'Sign in');
});

step('an import is under way when the application is told to end', async () => {
    await upload(admin, csv('last', 20_000));
    assert.equal(await heading(admin), 'Importing users');
});
