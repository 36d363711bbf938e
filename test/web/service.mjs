// What the service would bring about, planted in the emulator that the environment names.

const { PASSAGE_APP_ID, PASSAGE_API_KEY, PASSAGE_BASE_URL } = process.env;

async function admin(path, body = {}) {
    const response = await fetch(new URL(`/admin/apps/${PASSAGE_APP_ID}/${path}`, PASSAGE_BASE_URL), {
        method: 'POST',
        headers: { Authorization: `Bearer ${PASSAGE_API_KEY}` },
        body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
        throw new Error(`${path}: ${response.status} ${text}`);
    }
    return JSON.parse(text);
}

/// The id of a new user.
export async function plantUser(user) {
    return (await admin('users', { email_verified: true, status: 'active', ...user })).user.id;
}

export async function plantDevice(user, device) {
    await admin(`users/${user}/devices`, device);
}

export async function plantEvent(user, event) {
    await admin(`users/${user}/events`, event);
}

/// A token by which a user signs in.
export async function issueToken(user, claims) {
    return (await admin(`users/${user}/tokens`, claims)).token;
}
