<?php

declare(strict_types=1);

namespace Leaks;

/** What the index says of a case; also what an app needs to register its routes. */
final class About
{
    public const LEAK = 'leak';
    public const DECOY = 'decoy';
    public const PAGE = 'page';

    /**
     * @param string $name   the path without its first slash
     * @param string $kind   one of the constants above
     * @param string $cause  what a verdict should name; for a decoy, how it should come out
     * @param int    $bytes  the default of `bytes=`, 0 where it has no meaning
     * @param bool   $waits  it may sleep: serve it in a coroutine, so that a worker can serve others meanwhile
     */
    public function __construct(
        public string $name,
        public string $kind,
        public string $cause,
        public string $summary,
        public int $bytes = 0,
        public bool $waits = false,
        public string $method = 'GET',
    ) {
    }
}
