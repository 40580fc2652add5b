<?php

declare(strict_types=1);

namespace Resident;

/** One request as it came in. */
final class Message
{
    /** @param array<string, string> $headers names in lower case */
    public function __construct(
        public string $method,
        public string $target,
        public bool $keepAlive,
        public array $headers,
        public string $body,
    ) {
    }
}
