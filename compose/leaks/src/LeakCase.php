<?php

declare(strict_types=1);

namespace Leaks;

/**
 * One way to leak, and its clean twin which does the same work and keeps nothing.
 *
 * An instance is made once per worker, like a singleton of a container.
 */
interface LeakCase
{
    public function about(): About;

    /** Served at `/<name>`. */
    public function leaky(Request $request): Response;

    /** Served at `/<name>/clean`. */
    public function clean(Request $request): Response;
}
