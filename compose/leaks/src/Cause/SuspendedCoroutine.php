<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;
use Leaks\Runtime;

/**
 * A coroutine that waits for something which never comes, with a local on its stack.
 *
 * The clean twin's coroutine ends.
 */
final class SuspendedCoroutine implements LeakCase
{
    private const BYTES = 4096;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'context',
            About::LEAK,
            'coroutine',
            'starts a coroutine that never ends',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $runtime = $this->runtime;
        $bytes = $request->bytes(self::BYTES);
        $runtime->go(static function () use ($runtime, $bytes): int {
            $local = Payload::of($bytes);
            $runtime->suspendForever();

            return strlen($local);
        });

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $bytes = $request->bytes(self::BYTES);
        $this->runtime->go(static fn (): int => strlen(Payload::of($bytes)));

        return Response::ok();
    }
}
