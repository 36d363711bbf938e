// jose_tokens.mjs: signs tokens with fresh keys, and prints them as JSON, each with what `jose` makes of it: the user
// whose it is, or that it is refused. `stricter` says why the library refuses one that jose lets pass.

import { generateKeyPairSync, sign } from 'node:crypto';
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';

const app = 'demo';
const origin = 'https://auth.example.com';
const leeway = 300;
const now = Math.floor(Date.now() / 1000);

const rsa = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });
const keys = {
    first: rsa(),
    second: rsa(3072),
    long: rsa(4096),
    weak: rsa(1024),
    'to encrypt': rsa(),
    'for RS512': rsa(),
    'with its private half': rsa(),
    'not in the set': rsa(),
    elliptic: await generateKeyPair('ES256'),
};
const publish = async (kid, more = {}) => ({ ...(await exportJWK(keys[kid].publicKey)), kid, ...more });
const set = {
    keys: [
        await publish('first', { alg: 'RS256', use: 'sig' }),
        await publish('second', { use: 'sig' }),
        await publish('long'),
        await publish('weak', { alg: 'RS256' }),
        await publish('to encrypt', { use: 'enc' }),
        await publish('for RS512', { alg: 'RS512' }),
        { ...(await exportJWK(keys['with its private half'].privateKey)), kid: 'with its private half' },
        await publish('elliptic', { alg: 'ES256' }),
    ],
};

const claims = { sub: 'h7dOU3v2QkrhVNcdBuTKCzpE', aud: app, iss: app, iat: now - 10, nbf: now - 10, exp: now + 86_400 };
const signed = (changes = {}, { key = 'first', ...header } = {}) =>
    new SignJWT({ ...claims, ...changes })
        .setProtectedHeader({ alg: 'RS256', kid: key, ...header })
        .sign(keys[key].privateKey);

const encoded = (text) => Buffer.from(text).toString('base64url');
/// Signed as it is, where jose refuses to sign.
function signedRaw(header, payload, key = 'first') {
    const input = `${encoded(header)}.${encoded(payload)}`;
    return `${input}.${sign('sha256', Buffer.from(input), keys[key].privateKey).toString('base64url')}`;
}
const header = '{"alg":"RS256","kid":"first"}';
const payload = JSON.stringify(claims);
const good = await signed();
const [goodHeader, goodPayload, goodSignature] = good.split('.');

const tokens = {
    good,
    'of another key': await signed({}, { key: 'second' }),
    'of a key of 4096 bits': await signed({}, { key: 'long' }),
    'with a type': await signed({}, { typ: 'JWT' }),
    'with a type in small letters': await signed({}, { typ: 'jwt' }),
    'signed as it is': signedRaw(header, payload),
    'with spaces between': signedRaw('{ "kid" : "first", "alg" : "RS256" }', ` ${payload}\n`),
    'for several, the app among them': await signed({ aud: ['other', app] }),
    'for the origin': await signed({ aud: origin }),
    'for several, the origin among them': await signed({ aud: [origin, 'other'] }),
    'without issuer, nbf and iat': await signed({ iss: undefined, nbf: undefined, iat: undefined }),
    'with claims of its own': await signed({ roles: ['a', { b: null }], text: 'é\u0000€😀', number: 1e100 }),
    'over, within the leeway': await signed({ exp: now - 60 }),
    'to come, within the leeway': await signed({ nbf: now + 60, iat: now + 60 }),
    'with times in fractions': await signed({ exp: now + 600.5, nbf: now - 0.25, iat: now - 0.25 }),

    over: await signed({ exp: now - 3_600 }),
    'long over': await signed({ exp: 1 }),
    'to come': await signed({ nbf: now + 3_600 }),
    'without an end': await signed({ exp: undefined }),
    'end as a text': await signed({ exp: String(now + 3_600) }),
    'end as null': await signed({ exp: null }),
    'begin as a text': await signed({ nbf: 'now' }),
    'without a user': await signed({ sub: undefined }),
    'for another app': await signed({ aud: 'other' }),
    'for other apps': await signed({ aud: ['other', 'another'] }),
    'for nobody': await signed({ aud: undefined }),
    'for an empty list': await signed({ aud: [] }),
    'for an object': await signed({ aud: { [app]: true } }),
    'for an app whose name begins alike': await signed({ aud: `${app}2` }),
    'for the app in capitals': await signed({ aud: app.toUpperCase() }),

    'of a key that is not in the set': await signed({}, { key: 'not in the set' }),
    'of a weak key': signedRaw('{"alg":"RS256","kid":"weak"}', payload, 'weak'),
    'of a key to encrypt': await signed({}, { key: 'to encrypt' }),
    'of a key for another algorithm': await signed({}, { key: 'for RS512' }),
    'of a key whose private half is public': await signed({}, { key: 'with its private half' }),
    'that names another key': signedRaw('{"alg":"RS256","kid":"second"}', payload),
    'that names no key': signedRaw('{"alg":"RS256"}', payload),
    'by RS384': await signed({}, { alg: 'RS384' }),
    'by RS512, with its key': await signed({}, { key: 'for RS512', alg: 'RS512' }),
    'by PS256': await signed({}, { alg: 'PS256' }),
    'by ES256': await signed({}, { key: 'elliptic', alg: 'ES256' }),
    'by RS256 in small letters': signedRaw('{"alg":"rs256","kid":"first"}', payload),
    'by none': `${encoded('{"alg":"none","kid":"first"}')}.${goodPayload}.`,
    'that says none and is signed': signedRaw('{"alg":"none","kid":"first"}', payload),
    'with an extension that is critical': signedRaw('{"alg":"RS256","kid":"first","crit":["x"],"x":1}', payload),
    'with critical as an empty list': signedRaw('{"alg":"RS256","kid":"first","crit":[]}', payload),

    'without its signature': `${goodHeader}.${goodPayload}.`,
    'without its last part': `${goodHeader}.${goodPayload}`,
    'with a fourth part': `${good}.${goodSignature}`,
    'with another payload': `${goodHeader}.${encoded(payload.replace('h7d', 'h7e'))}.${goodSignature}`,
    'with another header': `${encoded('{"alg":"RS256","kid":"first","typ":"JWT"}')}.${goodPayload}.${goodSignature}`,
    'with half a signature': good.slice(0, -100),
    'with an empty header': signedRaw('{}', payload),
    'whose header is a list': signedRaw('[]', payload),
    'whose header is no JSON': signedRaw('{"alg":"RS256","kid":"first"', payload),
    'whose payload is a list': signedRaw(header, '[]'),
    'whose payload is a text': signedRaw(header, '"text"'),
    'whose payload is null': signedRaw(header, 'null'),
    'whose payload is no JSON': signedRaw(header, payload.slice(0, -1)),
    'whose payload is empty': signedRaw(header, ''),
    'of five parts': 'a.b.c.d.e',
    'of dots': '..',
    empty: '',
    'of nonsense': 'nonsense',
};

const stricter = {
    'made in the future': ['a time that has not come', await signed({ iat: now + 3_600 })],
    'of another type': ['a token of another kind is none to sign in with', await signed({}, { typ: 'at+jwt' })],
    'with two ends': ['readers differ on which holds', signedRaw(header, `{"exp":${now},${payload.slice(1)}`)],
    'of an empty user': ['it is nobody', await signed({ sub: '' })],
    'of a user who is a number': ['it is nobody', await signed({ sub: 5 })],
    'with padding': ['RFC 7515 has none', `${good}==`],
    'with a line break': ['RFC 7515 has none', `${good}\n`],
};

const options = {
    algorithms: ['RS256'],
    audience: [app, origin],
    clockTolerance: leeway,
    requiredClaims: ['sub', 'exp'],
};
const find = createLocalJWKSet(set);
const judge = async (token) =>
    jwtVerify(token, find, options).then(
        (verified) => ({ user: verified.payload.sub }),
        (error) => ({ refused: error.message }),
    );

const judged = [];
for (const [name, token] of Object.entries(tokens)) {
    judged.push({ name, token, ...(await judge(token)) });
}
for (const [name, [why, token]] of Object.entries(stricter)) {
    judged.push({ name, token, ...(await judge(token)), stricter: why });
}
console.log(JSON.stringify({ app, origin, leeway, set, tokens: judged }));
