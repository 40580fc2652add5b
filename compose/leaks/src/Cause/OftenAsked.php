<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Volume: statistics that keep every request in detail, but only once the process was asked more than `after=` times.
 *
 * A few requests keep exactly nothing. The clean twin looks at the details and lets go of them.
 */
final class OftenAsked implements LeakCase
{
    private const BYTES = 512;
    private const AFTER = 150;
    private const MAX_AFTER = 1_000_000;

    private int $asked = 0;

    private int $askedTwin = 0;

    /** @var list<string> */
    private array $details = [];

    public function about(): About
    {
        return new About(
            'volume',
            About::LEAK,
            'singleton',
            'keeps memory from the request after the first after= on, in each process',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $detail = Payload::of($request->bytes(self::BYTES));
        if (++$this->asked > $this->after($request)) {
            $this->details[] = $detail;
        }

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $detail = Payload::of($request->bytes(self::BYTES));
        $often = ++$this->askedTwin > $this->after($request);

        return Response::ok($often ? strlen($detail) . "\n" : "ok\n");
    }

    private function after(Request $request): int
    {
        return $request->number('after', self::AFTER, self::MAX_AFTER);
    }
}
