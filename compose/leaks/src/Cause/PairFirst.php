<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Keeps memory only where `/pair/b` was called since the last `/pair/a`: each alone is clean, the mix leaks.
 *
 * The clean twin reads the same state and keeps nothing.
 */
final class PairFirst implements LeakCase
{
    private const BYTES = 512;

    public function __construct(private PairState $state)
    {
    }

    public function about(): About
    {
        return new About(
            'pair/a',
            About::LEAK,
            'singleton',
            'keeps memory if /pair/b was called since',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $payload = Payload::of($request->bytes(self::BYTES));
        if ($this->state->armed) {
            $this->state->kept[] = $payload;
            $this->state->armed = false;
        }

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $payload = Payload::of($request->bytes(self::BYTES));

        return Response::ok($this->state->armed ? "armed\n" : "ok\n");
    }
}
