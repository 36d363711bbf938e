// The official SDK, so that it asks the service that the environment names.

import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { Passage } from '@passageidentity/passage-node';

const hosted = 'https://api.passage.id/v1';
const hostedAuth = 'https://auth.passage.id/v1';
const { PASSAGE_BASE_URL, PASSAGE_AUTH_URL } = process.env;

// What fetches the SDK's keys has no setting for its URL, nor for how it fetches.
const { get } = https;
https.get = (url, ...rest) => {
    if (!url.startsWith(hostedAuth)) {
        throw new Error(`the SDK asks for ${url}`);
    }
    return get(PASSAGE_AUTH_URL + url.slice(hostedAuth.length), ...rest);
};
syncBuiltinESMExports();

/// Requests that the SDK has made to the API.
export const sent = { requests: 0 };

export class RedirectedPassage extends Passage {
    constructor(config) {
        super({
            ...config,
            fetchApi: (url, init) => {
                if (!url.startsWith(hosted)) {
                    throw new Error(`the SDK asks for ${url}`);
                }
                ++sent.requests;
                return fetch(PASSAGE_BASE_URL + url.slice(hosted.length), init);
            },
        });
    }
}

/// Ends what would hold the program up: the SDK does not read the answer where it finds no keys.
export function end() {
    https.globalAgent.destroy();
}
