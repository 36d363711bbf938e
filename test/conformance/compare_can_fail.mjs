// compare_can_fail.mjs SCENARIO SDK_TRANSCRIPT LIBRARY_TRANSCRIPT: fails if the comparison overlooks a
// single field of the library's transcript that was changed or left out.

import { differencesInStep, read } from './compare.mjs';

const [scenario, sdk, library] = read(...process.argv.slice(2));
const { steps } = scenario;

/// Where each value is that holds no other: `[holder, name, path]`.
function* leaves(holder, path = '') {
    for (const [name, value] of Object.entries(holder)) {
        if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
            yield* leaves(value, `${path}.${name}`);
        } else {
            yield [holder, name, `${path}.${name}`];
        }
    }
}

/// Other values than this one, of its type where it has one.
function* others(value) {
    switch (typeof value) {
        case 'string':
            yield `${value} tampered`;
            yield value === '' ? 'tampered' : '';
            if (library.stepAt(Date.parse(value)) >= 0) {
                const other = library.outcomes.find(({ from, to }) => Date.parse(value) < from || to < Date.parse(value));
                yield new Date(other.from).toISOString();
            }
            break;
        case 'number':
            yield value + 1000;
            break;
        case 'boolean':
            yield !value;
            break;
        default:
            yield ['tampered'];
    }
    yield undefined;
}

let tampered = 0;
let overlooked = 0;

function mustDiffer(index, path, left, right) {
    ++tampered;
    if (differencesInStep(scenario, index, left, right).length === 0) {
        ++overlooked;
        console.log(`step ${index + 1} ${JSON.stringify(steps[index])}: ${path} was changed, and nobody saw it`);
    }
}

steps.forEach((step, index) => {
    if (step.differs) {
        mustDiffer(index, 'both sides', library, sdk);
        return;
    }
    const { result, error } = library.outcomes[index];
    for (const [holder, name, path] of leaves({ result, error })) {
        // `result` and `error` themselves are held by the transcript.
        const place = path === `.${name}` ? library.outcomes[index] : holder;
        const value = place[name];
        for (const other of others(value)) {
            if (other !== value) {
                place[name] = other;
                mustDiffer(index, path, sdk, library);
            }
        }
        place[name] = value;
    }
});

console.log(`${tampered} changes were made, ${overlooked} of them overlooked`);
process.exitCode = overlooked === 0 ? 0 : 1;
