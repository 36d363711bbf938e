// plant.mjs SCENARIO: plants the scenario's users in the emulator that the environment names, and prints
// its tokens as JSON, by their names.

import { createHmac, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { planted, tokens } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { PASSAGE_APP_ID, PASSAGE_API_KEY, PASSAGE_BASE_URL, PASSAGE_AUTH_URL } = process.env;

async function admin(method, path, body = {}) {
    const response = await fetch(new URL(`/admin/apps/${PASSAGE_APP_ID}/${path}`, PASSAGE_BASE_URL), {
        method,
        headers: { Authorization: `Bearer ${PASSAGE_API_KEY}` },
        body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return text && JSON.parse(text);
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/// What is done to a token after it was signed.
const forgeries = {
    'another user': ([header, payload, signature]) =>
        [header, encoded({ ...decoded(payload), sub: 'PlantedFull0000000000001' }), signature],
    'a bit of the signature': ([header, payload, signature]) => {
        const bytes = Buffer.from(signature, 'base64url');
        bytes[100] ^= 1;
        return [header, payload, bytes.toString('base64url')];
    },
    'no signature': ([header, payload]) => [header, payload, ''],
    'two parts': ([header, payload]) => [header, payload],
    'four parts': (parts) => [...parts, parts[2]],
    'algorithm none': ([header, payload]) => [encoded({ ...decoded(header), alg: 'none' }), payload, ''],
    'algorithm HS256, by the public key': ([header, payload], keys) => {
        const forged = encoded({ ...decoded(header), alg: 'HS256' });
        const key = keys.find(({ kid }) => kid === decoded(header).kid);
        const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
        return [forged, payload, createHmac('sha256', pem).update(`${forged}.${payload}`).digest('base64url')];
    },
    'the key of another': ([header, payload, signature], keys) => {
        const other = keys.find(({ kid }) => kid !== decoded(header).kid);
        return [encoded({ ...decoded(header), kid: other.kid }), payload, signature];
    },
    'no key named': ([header, payload, signature]) =>
        [encoded({ ...decoded(header), kid: undefined }), payload, signature],
};

for (const user of planted) {
    await admin('POST', 'users', user);
}

const issued = {};
async function issue(key) {
    const chosen = Object.entries(tokens).filter(([, token]) => (token.key ?? 'newest') === key);
    for (const [name, { user, claims }] of chosen) {
        ({ token: issued[name] } = await admin('POST', `users/${encodeURIComponent(user)}/tokens`, claims));
    }
}
const { id: retired } = await admin('POST', 'keys');
await issue('retired');
await admin('POST', 'keys');
await issue('older');
await admin('POST', 'keys');
await issue('newest');
await admin('DELETE', `keys/${retired}`);

const { keys } = await (await fetch(`${PASSAGE_AUTH_URL}/apps/${PASSAGE_APP_ID}/.well-known/jwks.json`)).json();
for (const [name, { forged }] of Object.entries(tokens)) {
    if (forged) {
        issued[name] = forgeries[forged](issued[name].split('.'), keys).join('.');
    }
}
console.log(JSON.stringify(issued));
