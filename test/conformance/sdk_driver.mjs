// sdk_driver.mjs SCENARIO TOKENS: acts out the scenario with the official SDK against the service that the
// environment names, and prints a line of JSON for each step. TOKENS are those that the service issued.

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { PassageError, ResponseError } from '@passageidentity/passage-node';
import { RedirectedPassage, end, sent } from './sdk.mjs';

const { PASSAGE_APP_ID, PASSAGE_API_KEY } = process.env;
const { steps } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const tokens = JSON.parse(readFileSync(process.argv[3], 'utf8'));

const sdk = (config) => new RedirectedPassage({ appID: PASSAGE_APP_ID, apiKey: PASSAGE_API_KEY, ...config });

const clients = {
    right: sdk(),
    'wrong key': sdk({ apiKey: 'psg_of_another_app' }),
    'unknown app': sdk({ appID: 'nobody' }),
    header: sdk({ authStrategy: 'HEADER' }),
    cookie: sdk({ authStrategy: 'COOKIE' }),
};

const fieldsOf = ({ email, phone, metadata }) => ({ email, phone, user_metadata: metadata });

// The SDK has no public way to list users; its generated client does what its authors meant by it.
function listUsers({ user, appId }, { page, limit, created_before, order_by, where = [] }) {
    const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    const filters = where.map(([field, is, value]) => [camelCase(field), is === 'eq' ? value : `<${is}:${value}>`]);
    return user.usersApi.listPaginatedUsers({
        appId,
        page,
        limit,
        createdBefore: created_before,
        orderBy: order_by?.join(','),
        ...Object.fromEntries(filters),
    });
}

/// The app, but for what the library does not read: how pages look, and what is out of date.
function known({
    auto_theme_enabled,
    auth_fallback_method,
    auth_fallback_method_ttl,
    element_customization,
    element_customization_dark,
    layouts,
    passage_branding,
    role,
    auth_methods,
    ...app
}) {
    const methods = Object.entries(auth_methods).map(([name, { ttl_display_unit, ...method }]) => [name, method]);
    return { ...app, auth_methods: Object.fromEntries(methods) };
}

function createMagicLink(passage, { email, phone, user, former_name, language, path, redirect, ttl, ...rest }) {
    const { channel, send, type } = rest;
    if (former_name) {
        return passage.createMagicLink({
            ...{ email, phone, user_id: user, channel, send, type, language, ttl },
            ...{ magic_link_path: path, redirect_url: redirect },
        });
    }
    const whom = user === undefined ? (email === undefined ? { phone } : { email }) : { userId: user, channel };
    const options = { language, magicLinkPath: path, redirectUrl: redirect, ttl };
    return passage.auth.createMagicLink({ ...whom, send, type }, options);
}

const withToken = (text) => text.replace(/\{(.*?)\}/, (_, name) => tokens[name]);

function authenticateRequest(passage, { header, cookie }) {
    const headers = {};
    if (header !== undefined) {
        headers.authorization = withToken(header);
    }
    if (cookie !== undefined) {
        headers.cookie = withToken(cookie);
    }
    return passage.authenticateRequest({ headers });
}

/// What the SDK says of a token that it rejects, for each of the library's reasons.
const rejections = {
    missing: /^(Header authorization not found|Could not find )/,
    malformed: /jwt is required|Invalid Token or Protected Header|JWSInvalid|JWTInvalid/,
    unsupported: /JOSENotSupported/,
    unknown_key: /JWKSNoMatchingKey|PassageError: Could not find valid cookie/,
    signature: /JWSSignatureVerificationFailed/,
    claims: /JWTClaimValidationFailed: (?!"nbf")|Could not validate auth token/,
    expired: /JWTExpired/,
    not_yet_valid: /JWTClaimValidationFailed: "nbf"/,
    audience: /Incorrect app ID claim/,
};

function rejectionOf({ message }) {
    if (message.includes('Expected 200 OK from the JSON Web Key Set')) {
        return { no_keys: true };
    }
    const rejected = Object.keys(rejections).find((reason) => rejections[reason].test(message));
    return rejected && { rejected };
}

const operations = {
    authenticate: ({ auth }, step) => auth.validateJwt(withToken(step.token)),
    authenticate_request: authenticateRequest,
    get_app: async (passage) => known(await passage.getApp()),
    create_magic_link: createMagicLink,
    create_user: ({ user }, step) => user.create(fieldsOf(step)),
    get_user: ({ user }, step) => user.get(step.user),
    get_user_by_identifier: ({ user }, step) =>
        step.former_name ? user.getUserByIdentifier(step.identifier) : user.getByIdentifier(step.identifier),
    update_user: ({ user }, step) => user.update(step.user, fieldsOf(step)),
    activate_user: ({ user }, step) => user.activate(step.user),
    deactivate_user: ({ user }, step) => user.deactivate(step.user),
    delete_user: ({ user }, step) => user.delete(step.user),
    list_user_devices: ({ user }, step) => user.listDevices(step.user),
    delete_user_device: ({ user }, step) => user.revokeDevice(step.user, step.device),
    revoke_user_device: ({ user }, step) => user.revokeDevice(step.user, step.device),
    revoke_user_refresh_tokens: ({ user }, step) => user.revokeRefreshTokens(step.user),
    signout: ({ user }, step) => user.signOut(step.user),
    list_users: listUsers,
};

async function errorOf(error, wasSent) {
    const rejection = rejectionOf(error);
    if (rejection !== undefined) {
        return rejection;
    }
    // The generated client's own error, which the public operations turn into a PassageError.
    const failure = error instanceof ResponseError ? await PassageError.fromResponseError(error, '') : error;
    if (failure instanceof PassageError) {
        return {
            status: failure.statusCode ?? null,
            code: failure.errorCode ?? null,
            // After what the SDK puts before the service's text.
            text: failure.message.replace(/^Could not [^:]+:{1,2} /, ''),
        };
    }
    if (!wasSent) {
        return { refused: true };
    }
    throw error;
}

async function outcomeOf(step) {
    const before = sent.requests;
    try {
        return { result: await operations[step.call](clients[step.client ?? 'right'], step) };
    } catch (error) {
        return { error: await errorOf(error, sent.requests > before) };
    }
}

const ids = {};
const withIds = (step) =>
    Object.fromEntries(
        Object.entries(step).map(([name, value]) => [name, name === 'user' && value in ids ? ids[value] : value]),
    );

let to = Date.now();
for (const step of steps) {
    // Times tell apart the steps that made them: each step has milliseconds of its own.
    while (Date.now() <= to) {
        await setTimeout(1);
    }
    const from = Date.now();
    const outcome = await outcomeOf(withIds(step));
    to = Date.now();
    if (step.save) {
        ids[step.save] = outcome.result?.id;
    }
    console.log(JSON.stringify({ from, to, ...outcome }));
}
end();
