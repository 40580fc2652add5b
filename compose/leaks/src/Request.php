<?php

declare(strict_types=1);

namespace Leaks;

final class Request
{
    public const MAX_BYTES = 100 * 1024 * 1024;

    /**
     * @param array<string|int, mixed> $query
     * @param array<string, string>    $headers names in lower case
     */
    public function __construct(
        public string $method,
        public string $path,
        public array $query = [],
        public array $headers = [],
        public string $body = '',
    ) {
    }

    /** The size asked for by `bytes=`. */
    public function bytes(int $default): int
    {
        return $this->number('bytes', $default, self::MAX_BYTES);
    }

    public function number(string $name, int $default, int $max): int
    {
        if (!isset($this->query[$name])) {
            return $default;
        }
        $text = $this->query[$name];
        $valid = is_string($text) && strlen($text) <= 12 && ctype_digit($text) && (int) $text <= $max;

        return $valid ? (int) $text : throw new Refused(400, "{$name}= takes an integer from 0 to {$max}");
    }

    public function text(string $name, string $default): string
    {
        $value = $this->query[$name] ?? $default;

        return is_string($value) ? $value : throw new Refused(400, "{$name}= takes one value");
    }
}
