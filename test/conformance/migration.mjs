// migration.mjs DOCUMENT: makes each call of the Node SDK that DOCUMENT shows, in tables and in programs, against the
// service that the environment names. The document must show each method that the SDK has.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PassageError } from '@passageidentity/passage-node';
import { RedirectedPassage, end } from './sdk.mjs';

const { PASSAGE_APP_ID, PASSAGE_API_KEY, PASSAGE_BASE_URL } = process.env;
const lines = readFileSync(process.argv[2], 'utf8').split('\n');

async function admin(path, body) {
    const response = await fetch(new URL(`/admin/apps/${PASSAGE_APP_ID}/${path}`, PASSAGE_BASE_URL), {
        method: 'POST',
        headers: { Authorization: `Bearer ${PASSAGE_API_KEY}` },
        body: JSON.stringify(body),
    });
    assert.equal(response.status, 201, `${path}: ${response.status}`);
    return response.json();
}

let users = 0;
/// What a call may name: its user is new, and has a device and a token.
async function names(authStrategy) {
    const number = ++users;
    const phone = `+1500555${String(number).padStart(4, '0')}`;
    const { user } = await admin('users', { email: `user${number}@example.com`, phone });
    const { id: deviceId } = await admin(`users/${user.id}/devices`, {});
    const { token } = await admin(`users/${user.id}/tokens`, {});
    return {
        passage: new RedirectedPassage({ appID: PASSAGE_APP_ID, apiKey: PASSAGE_API_KEY, authStrategy }),
        // The constructor of version 3 names the app otherwise.
        Passage: class extends RedirectedPassage {
            constructor({ appId, ...config }) {
                super({ appID: appId, ...config });
            }
        },
        PassageError,
        userId: user.id,
        deviceId,
        email: user.email,
        phone,
        token,
        request: { headers: { authorization: `Bearer ${token}`, cookie: `psg_auth_token=${token}` } },
    };
}

const AsyncFunction = (async () => {}).constructor;
async function run(code, scope) {
    return new AsyncFunction(...Object.keys(scope), code)(...Object.values(scope));
}

/// What each operation of the library yields here, of the SDK's result.
const is = {
    user: (result, { userId }) => assert.equal(result.id, userId),
    done: (result) => assert.equal(result, true), // version 3 returns nothing
    link: (result, { email, phone }) => {
        assert.ok(URL.canParse(result.url), result.url);
        assert.ok([email, phone].includes(result.identifier), result.identifier);
    },
    userId: (result, { userId }) => assert.equal(result, userId),
};
const expected = {
    create_user: (result, { email }) => assert.equal(result.email, email),
    get_user: is.user,
    get_user_by_identifier: is.user,
    update_user: (result, { userId, email }) => assert.deepEqual([result.id, result.email], [userId, email]),
    activate_user: is.user,
    deactivate_user: is.user,
    delete_user: is.done,
    list_user_devices: (result, { deviceId }) => assert.deepEqual(result.map(({ id }) => id), [deviceId]),
    delete_user_device: is.done,
    revoke_user_refresh_tokens: is.done,
    create_magic_link: is.link,
    get_app: (result) => assert.equal(result.id, PASSAGE_APP_ID),
    authenticate: is.userId,
    authenticate_request: is.userId,
};

const shown = [];
const operations = new Set();
let calls = 0;
let programs = 0;
let columns = [];
let program;
for (const [index, line] of lines.entries()) {
    const at = `line ${index + 1}`;
    if (program !== undefined) {
        if (line === '```') {
            await run(`{ ${program.replaceAll(/^import .*$/gm, '')} }`, await names());
            shown.push(program);
            ++programs;
            program = undefined;
        } else {
            program += `${line}\n`;
        }
        continue;
    }
    if (line === '```js') {
        program = '';
        continue;
    }
    if (!line.startsWith('|')) {
        columns = [];
        continue;
    }
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    if (columns.length === 0) {
        columns = cells;
        continue;
    }
    const operation = cells[0].match(/^`(?:psg|authenticator)\.([a-z_]+)\(/)?.[1];
    for (const [column, cell] of cells.entries()) {
        if (operation === undefined || !/\bNode\b/.test(columns[column])) {
            continue;
        }
        for (const [, call] of cell.matchAll(/`(.+?)`/g)) {
            const scope = await names(cells[0].includes('authorization') ? 'HEADER' : 'COOKIE');
            if (operation === 'create_user') {
                scope.email = `new${users}@example.com`;
            }
            try {
                expected[operation](await run(`return await ${call}`, scope), scope);
            } catch (error) {
                error.message = `${at}: ${call}: ${error.message}`;
                throw error;
            }
            operations.add(operation);
            shown.push(call);
            ++calls;
        }
    }
}

assert.deepEqual([...operations].sort(), Object.keys(expected).sort(), 'each operation is shown');
const { passage } = await names();
const text = shown.join('\n') + lines.join('\n').replaceAll(/```[^]*?```/g, '');
for (const [path, object] of [['passage', passage], ['passage.user', passage.user], ['passage.auth', passage.auth]]) {
    // The object's own class, or the one above that only redirects it.
    const { prototype } = path === 'passage' ? Object.getPrototypeOf(RedirectedPassage) : object.constructor;
    for (const name of Object.getOwnPropertyNames(prototype)) {
        if (name !== 'constructor') {
            assert.ok(text.includes(`${path}.${name}`), `${path}.${name} is not shown`);
        }
    }
}
console.log(`migration: ${calls} calls and ${programs} programs of the Node SDK do what the document says`);
end();
