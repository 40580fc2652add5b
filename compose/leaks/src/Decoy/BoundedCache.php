<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A cache with a limit: it grows until it has `keys=` entries, then each new one replaces the oldest.
 */
final class BoundedCache implements Page
{
    private const BYTES = 1024;
    private const KEYS = 2000;
    private const MAX_KEYS = 1_000_000;

    /** @var array<int, string> */
    private array $entries = [];

    private int $sequence = 0;

    public function about(): About
    {
        return new About(
            'cache',
            About::DECOY,
            'bounded',
            'a cache of at most keys= entries',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        $limit = max(1, $request->number('keys', self::KEYS, self::MAX_KEYS));
        while (count($this->entries) >= $limit) {
            unset($this->entries[array_key_first($this->entries)]);
        }
        $this->entries[++$this->sequence] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }
}
