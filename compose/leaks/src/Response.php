<?php

declare(strict_types=1);

namespace Leaks;

final class Response
{
    /** @param array<string, string> $headers */
    public function __construct(
        public int $status,
        public string $body,
        public array $headers = ['Content-Type' => 'text/plain; charset=utf-8'],
    ) {
    }

    public static function ok(string $body = "ok\n"): self
    {
        return new self(200, $body);
    }

    /** @param array<mixed> $data */
    public static function json(array $data, int $status = 200): self
    {
        $flags = JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

        return new self($status, json_encode($data, $flags) . "\n", ['Content-Type' => 'application/json']);
    }
}
