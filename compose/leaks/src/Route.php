<?php

declare(strict_types=1);

namespace Leaks;

final class Route
{
    /** @var callable(Request): Response */
    private $handler;

    /** @param callable(Request): Response $handler */
    public function __construct(
        public string $method,
        public string $path,
        public string $kind,
        public bool $waits,
        callable $handler,
    ) {
        $this->handler = $handler;
    }

    public function handle(Request $request): Response
    {
        try {
            return ($this->handler)($request);
        } catch (Refused $refused) {
            return Response::json(['error' => $refused->getMessage()], $refused->status);
        }
    }
}
