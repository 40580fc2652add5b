<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;
use Leaks\Runtime;

/**
 * The first request starts a timer that keeps memory by itself, with or without traffic.
 *
 * `every=` is its interval in milliseconds.
 */
final class SelfTimer implements Page
{
    private const BYTES = 1024;
    private const EVERY_MS = 100;
    private const MAX_MS = 86_400_000;

    /** @var list<string> */
    private static array $ticks = [];

    private bool $started = false;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'self-timer',
            About::DECOY,
            'time-driven',
            'its first request starts a timer that grows by itself',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        if (!$this->started) {
            $this->started = true;
            $bytes = $request->bytes(self::BYTES);
            $every = max(1, $request->number('every', self::EVERY_MS, self::MAX_MS));
            $this->runtime->tick($every, static function () use ($bytes): void {
                self::$ticks[] = Payload::of($bytes);
            });
        }

        return Response::ok();
    }
}
