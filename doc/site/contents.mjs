// What the site has, in the order of its menu.

export const start = 'README.md';

/// Documents that no section names come last in the section that is marked.
export const sections = [
    {
        title: 'Begin',
        pages: [
            'README.md',
            'doc/install.md',
            'doc/tutorial.md',
            'doc/migration.md',
            'doc/faq.md',
            'doc/why.md',
        ],
    },
    {
        title: 'Guides',
        others: true,
        pages: [
            'doc/recipes.md',
            'doc/operations.md',
            'doc/settings.md',
            'doc/errors.md',
            'doc/retries.md',
            'doc/threads.md',
            'doc/tuning.md',
            'doc/observability.md',
            'doc/opentelemetry.md',
            'doc/emulator.md',
            'doc/passagectl.md',
            'example/web_app/README.md',
        ],
    },
    {
        title: 'Design',
        pages: [
            'doc/reliability.md',
            'doc/benchmarks.md',
            'doc/benchmarks/table.md',
            'doc/platforms.md',
            'doc/architecture.md',
        ],
    },
    { title: 'Project', pages: ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'packaging/README.md'] },
];

/// The reference: each public header belongs to one topic, in the order of its declarations but for `first`. `also` are
/// names that are described in another topic.
export const topics = [
    {
        id: 'operations',
        title: 'Operations',
        about: 'The client and its operations.',
        headers: ['client.hpp', 'client_stats.hpp'],
    },
    {
        id: 'requests',
        title: 'Requests and results',
        about: 'Arguments and results of operations.',
        headers: ['user.hpp', 'requests.hpp', 'list_users.hpp', 'magic_link.hpp', 'app.hpp', 'open_enum.hpp'],
    },
    {
        id: 'errors',
        title: 'Errors',
        about: 'What an operation yields if it fails.',
        headers: ['error.hpp', 'expected.hpp'],
    },
    {
        id: 'settings',
        title: 'Settings',
        about: 'The configuration of a client or an authenticator.',
        headers: ['config.hpp', 'http_version.hpp', 'secret.hpp'],
        first: 'Config',
    },
    {
        id: 'retries',
        title: 'Retries and deadlines',
        about: 'Options of one call.',
        headers: ['call_options.hpp'],
        also: ['TimeoutOptions', 'RetryOptions'],
    },
    {
        id: 'tokens',
        title: 'Tokens',
        about: 'Checks whether a request comes from a user who has signed in.',
        headers: ['auth.hpp', 'claims.hpp'],
    },
    {
        id: 'batches',
        title: 'Batches',
        about: 'One operation for many items.',
        headers: ['batch.hpp', 'batch_options.hpp'],
    },
    {
        id: 'observers',
        title: 'Observers',
        about: 'Logs, metrics and traces.',
        headers: ['observer.hpp', 'log_observer.hpp', 'trace_parent.hpp', 'opentelemetry.hpp'],
    },
    {
        id: 'emulator',
        title: 'Emulator',
        about: 'The emulator of the service, inside a test program.',
        headers: ['emulator.hpp'],
    },
];
