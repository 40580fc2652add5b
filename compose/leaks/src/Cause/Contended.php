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
 * Concurrency: who finds the work in progress, in any worker of the app, notes what it wanted for later; nobody looks.
 *
 * One request at a time never does, and keeps exactly nothing. `ms=` is how long the work takes. The clean twin does the
 * same and forgets its note.
 */
final class Contended implements LeakCase
{
    private const BYTES = 512;
    private const WORK_MS = 2;
    private const MAX_MS = 60_000;

    /** @var list<string> */
    private static array $waiting = [];

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'contended',
            About::LEAK,
            'static',
            'keeps memory if another request of it is in flight',
            self::BYTES,
            true,
        );
    }

    public function leaky(Request $request): Response
    {
        if (!$this->work('leaky', $request)) {
            self::$waiting[] = Payload::of($request->bytes(self::BYTES));
        }

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        if (!$this->work('clean', $request)) {
            $waiting = [Payload::of($request->bytes(self::BYTES))];
            array_pop($waiting);
        }

        return Response::ok();
    }

    /** False: somebody else is at it. */
    private function work(string $name, Request $request): bool
    {
        $milliseconds = $request->number('ms', self::WORK_MS, self::MAX_MS);
        $lock = WorkLock::take($name);
        if ($lock === null) {
            return false;
        }
        try {
            $this->runtime->sleep($milliseconds);
        } finally {
            $lock->release();
        }

        return true;
    }
}
