<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A cache without a limit, keyed by what the client sends (`key=`; a new key each time without it).
 *
 * The clean twin throws out the oldest entry when it has sixteen.
 */
final class GrowingKey implements LeakCase
{
    private const BYTES = 256;
    private const LIMIT = 16;

    /** @var array<string|int, string> */
    private array $cache = [];

    /** @var array<string|int, string> */
    private array $bounded = [];

    private int $sequence = 0;

    public function about(): About
    {
        return new About(
            'growing-key',
            About::LEAK,
            'singleton',
            'a cache without a limit, keyed by key= (else a new key each time)',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $key = $this->key($request);
        $this->cache[$key] ??= Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $key = $this->key($request);
        if (!isset($this->bounded[$key])) {
            if (count($this->bounded) >= self::LIMIT) {
                unset($this->bounded[array_key_first($this->bounded)]);
            }
            $this->bounded[$key] = Payload::of($request->bytes(self::BYTES));
        }

        return Response::ok();
    }

    /** Always of one length, so that every request keeps the same. */
    private function key(Request $request): string
    {
        // Not sprintf(): the string it makes occupies more than its length.
        return $request->text('key', '') ?: 'user-' . str_pad((string) ++$this->sequence, 9, '0', STR_PAD_LEFT);
    }
}
