<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A property of an object that lives as long as the worker: a controller or service of the container.
 *
 * The clean twin sets the property, and empties it before it answers.
 */
final class SingletonProperty implements LeakCase
{
    private const BYTES = 256;

    /** @var list<string> */
    private array $log = [];

    /** @var list<string> */
    private array $current = [];

    public function about(): About
    {
        return new About(
            'singleton',
            About::LEAK,
            'singleton',
            'appends to a property of an object that lives as long as the worker',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->log[] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $this->current[] = Payload::of($request->bytes(self::BYTES));
        $this->current = [];

        return Response::ok();
    }
}
