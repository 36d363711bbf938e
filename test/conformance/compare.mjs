// compare.mjs SCENARIO SDK_TRANSCRIPT LIBRARY_TRANSCRIPT: fails, and prints step, field and both values,
// where the two saw something else, or not what the scenario says. README.md says what may differ.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const isContainer = (value) => typeof value === 'object' && value !== null;

/// What one of the two saw, step by step; reads the ids and times that its emulator made as what made them.
class Transcript {
    constructor(steps, outcomes) {
        this.outcomes = outcomes;
        this.makers = new Map();
        steps.forEach(({ save }, index) => {
            const { id, secret } = outcomes[index]?.result ?? {};
            for (const [text, name] of [[id, save], [secret, `${save}'s secret`]]) {
                if (save && /^[A-Za-z0-9]{24}$/.test(text)) {
                    this.makers.set(text, name);
                }
            }
        });
    }

    stepAt(milliseconds) {
        return this.outcomes.findIndex(({ from, to }) => from <= milliseconds && milliseconds <= to);
    }

    /// Whether Unix seconds are those of a step, or soon after: the emulator numbers the sets of a second onwards.
    isNow(seconds, step) {
        const { from, to } = this.outcomes[step];
        return Math.floor(from / 1000) <= seconds && seconds <= Math.floor(to / 1000) + 60;
    }

    canonicalText(text, step, field) {
        if (this.makers.has(text)) {
            return this.makers.get(text);
        }
        if (field === 'url') {
            return text.replace(/(?<=[?&]psg_magic_link=)\w+/, (secret) => this.makers.get(secret) ?? secret);
        }
        if (field.endsWith('_at')) {
            const time = Date.parse(text);
            const maker = this.stepAt(time);
            if (maker >= 0) {
                return `made in step ${maker + 1}`;
            }
            // The emulators are started minutes before at most; what is planted is years old.
            return time < this.outcomes[0].from && this.outcomes[0].from - time < 3_600_000 ? 'made at the start' : text;
        }
        if (field === 'href') {
            return text.replace(/(?<=[?&]created_before=)\d+/, (seconds) => (this.isNow(seconds, step) ? 'now' : seconds));
        }
        return text;
    }

    canonical(value, step, field = '') {
        if (field === 'user_metadata') {
            return value === null ? {} : value;
        }
        if (value === null && ['light', 'dark', 'social_login_type'].includes(field)) {
            return '';
        }
        if (field === 'created_before') {
            return this.isNow(value, step) ? 'now' : value;
        }
        if (typeof value === 'string') {
            return this.canonicalText(value, step, field);
        }
        if (Array.isArray(value)) {
            return value.map((element) => this.canonical(element, step));
        }
        if (isContainer(value)) {
            return Object.fromEntries(
                Object.entries(value).map(([name, member]) => [name, this.canonical(member, step, name)]),
            );
        }
        return value;
    }

    outcome(step) {
        const { result, error } = this.outcomes[step];
        return this.canonical({ result, error }, step);
    }
}

/// The fields, by path, in which two values differ. `partly`: of those that the left one has.
function* unequal(left, right, { partly = false, path = '' } = {}) {
    if (!isContainer(left) || !isContainer(right) || Array.isArray(left) !== Array.isArray(right)) {
        if (left !== right) {
            yield [path, left, right];
        }
        return;
    }
    for (const name of new Set([...Object.keys(left), ...(partly ? [] : Object.keys(right))])) {
        yield* unequal(left[name], right[name], { partly, path: path ? `${path}.${name}` : name });
    }
}

function expectedError({ fails }) {
    if (fails === undefined || ['refused', 'no_keys'].includes(fails)) {
        return fails && { [fails]: true };
    }
    if (fails.startsWith('rejected: ')) {
        return { rejected: fails.slice('rejected: '.length) };
    }
    const [status, code] = fails.split(' ');
    return { status: Number(status), code };
}

/// What is wrong with a step: `[path, {who: value}]` for each field.
export function differencesInStep({ steps, differences }, index, sdk, library) {
    const step = steps[index];
    const seen = { sdk: sdk.outcome(index), library: library.outcome(index) };
    if (step.differs) {
        return Object.entries(seen).flatMap(([side, outcome]) =>
            [...unequal(differences[step.differs][side], outcome, { partly: true })].map(
                ([path, expected, value]) => [path, { expected, [side]: value }],
            ),
        );
    }
    const found = [...unequal(seen.sdk, seen.library)].map(([path, left, right]) => [path, { sdk: left, library: right }]);
    for (const [path, expected, both] of unequal({ error: expectedError(step) }, seen.sdk, { partly: true })) {
        found.push([path, { expected, both }]);
    }
    const users = seen.sdk.result?.total_users;
    if (users !== undefined && (step.selects === undefined ? users === 0 : users !== step.selects)) {
        found.push(['result.total_users', { expected: step.selects ?? 'some', both: users }]);
    }
    if (step.save && seen.sdk.result?.id !== step.save) {
        found.push(['result.id', { expected: 'a made id', both: seen.sdk.result?.id }]);
    }
    return found;
}

export function read(scenarioFile, ...transcriptFiles) {
    const scenario = JSON.parse(readFileSync(scenarioFile, 'utf8'));
    const transcripts = transcriptFiles.map((file) => {
        const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
        if (lines.length !== scenario.steps.length) {
            throw new Error(`${file} has ${lines.length} of ${scenario.steps.length} steps`);
        }
        return new Transcript(scenario.steps, lines.map((line) => JSON.parse(line)));
    });
    return [scenario, ...transcripts];
}

function compare([scenario, sdk, library]) {
    const { steps, differences } = scenario;
    let wrong = 0;
    steps.forEach((step, index) => {
        const found = differencesInStep(scenario, index, sdk, library);
        if (found.length > 0) {
            ++wrong;
            console.log(`step ${index + 1} ${JSON.stringify(step)}`);
        }
        for (const [path, values] of found) {
            const shown = Object.entries(values).map(([who, value]) => `${who} ${JSON.stringify(value)}`);
            console.log(`    ${path}: ${shown.join(', ')}`);
        }
    });
    for (const [name, { why }] of Object.entries(differences)) {
        const times = steps.filter(({ differs }) => differs === name).length;
        console.log(`known difference (${times}): ${name}: ${why}`);
    }
    console.log(`${steps.length - wrong} of ${steps.length} steps are as they should be`);
    return wrong === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !compare(read(...process.argv.slice(2)))) {
    process.exitCode = 1;
}
