// plant.mjs SCENARIO: plants the scenario's users in the emulator that the environment names.

import { readFileSync } from 'node:fs';

const { planted } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { PASSAGE_APP_ID, PASSAGE_API_KEY, PASSAGE_BASE_URL } = process.env;

for (const user of planted) {
    const response = await fetch(new URL(`/admin/apps/${PASSAGE_APP_ID}/users`, PASSAGE_BASE_URL), {
        method: 'POST',
        headers: { Authorization: `Bearer ${PASSAGE_API_KEY}` },
        body: JSON.stringify(user),
    });
    if (response.status !== 201) {
        throw new Error(`${user.id} was not planted: ${response.status} ${await response.text()}`);
    }
}
