"""Where rows come from: PostHog itself, and a sandbox PostHog to practise on."""
