<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * The holder is deep in an object graph, as services are: service, tenants, one tenant, sessions.
 *
 * The clean twin forgets its session again.
 */
final class NestedHolder implements LeakCase
{
    private const BYTES = 256;

    /** @var array<string, \stdClass> */
    private array $tenants = [];

    public function about(): About
    {
        return new About(
            'nested',
            About::LEAK,
            'singleton',
            'appends to an array deep in a graph of objects',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->tenant()->sessions[] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $tenant = $this->tenant();
        $tenant->sessions[] = Payload::of($request->bytes(self::BYTES));
        array_pop($tenant->sessions);

        return Response::ok();
    }

    private function tenant(): \stdClass
    {
        return $this->tenants['acme'] ??= (object) ['sessions' => []];
    }
}
