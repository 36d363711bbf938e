// bench.mjs CONNECTIONS REQUESTS WARM_UP: the official SDK. Prints a line of JSON as passage-bench does.
//
// The SDK hard-codes where the service was; its `fetchApi` setting lets requests go elsewhere.

import { readFileSync } from 'node:fs';
import { hrtime } from 'node:process';
import { Passage } from '@passageidentity/passage-node';

const hosted = 'https://api.passage.id/v1';
const { PASSAGE_APP_ID, PASSAGE_API_KEY, PASSAGE_BASE_URL, PASSAGE_USERS } = process.env;
const [connections, requests, warmUp] = process.argv.slice(2).map(Number);

const users = readFileSync(PASSAGE_USERS, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
const sdk = new Passage({
    appID: PASSAGE_APP_ID,
    apiKey: PASSAGE_API_KEY,
    fetchApi: (url, init) => fetch(PASSAGE_BASE_URL + url.slice(hosted.length), init),
});

async function run(count) {
    const times = new Float64Array(count);
    let next = 0;
    let errors = 0;
    const caller = async () => {
        for (let number = next++; number < count; number = next++) {
            const [id, email] = users[number % users.length];
            const from = hrtime.bigint();
            try {
                const user = await sdk.user.get(id);
                errors += user.id !== id || user.email !== email;
            } catch (error) {
                ++errors;
                console.error(error);
            }
            times[number] = Number(hrtime.bigint() - from) / 1000;
        }
    };
    await Promise.all(Array.from({ length: connections }, caller));
    return { times, errors };
}

await run(warmUp);
const cpuBefore = process.cpuUsage();
const from = hrtime.bigint();
const { times, errors } = await run(requests);
const wall = Number(hrtime.bigint() - from) / 1000;
const cpu = process.cpuUsage(cpuBefore);

times.sort();
const percentile = (share) => times[Math.floor(share * (requests - 1))];
console.log(
    JSON.stringify({
        client: 'node_sdk',
        scenario: 'get_user',
        connections,
        requests,
        errors,
        cpu_us: (cpu.user + cpu.system) / requests,
        wall_us: wall / requests,
        latency_us: {
            p50: percentile(0.5),
            p90: percentile(0.9),
            p99: percentile(0.99),
            p99_9: percentile(0.999),
            max: percentile(1),
        },
    }),
);
process.exit(errors ? 1 : 0);
