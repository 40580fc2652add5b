<?php

declare(strict_types=1);

namespace Resident;

final class Settings
{
    private function __construct(
        public string $host,
        public int $port,
        public int $workers,
        public int $taskWorkers,
        public int $maxRequest,
        public int $maxConnections,
        public int $stopTimeoutSeconds,
        public string $leaks,
        public bool $debugHeap,
    ) {
    }

    /** @param array<string, string> $env */
    public static function fromEnvironment(array $env): self
    {
        $leaks = $env['LEAKS'] ?? dirname(__DIR__, 2) . '/leaks';
        if (!is_file($leaks . '/autoload.php')) {
            throw new BadSetting("no leak cases in {$leaks}: set LEAKS to the folder compose/leaks");
        }

        return new self(
            $env['HOST'] ?? '127.0.0.1',
            self::number($env, 'PORT', 8080, 0, 65535),
            self::number($env, 'WORKERS', 2, 1, 256),
            self::number($env, 'TASK_WORKERS', 1, 0, 64),
            self::number($env, 'MAX_REQUEST', 0, 0, PHP_INT_MAX >> 1),
            // select() cannot watch descriptors from 1024 on.
            self::number($env, 'MAX_CONNECTIONS', 400, 1, 900),
            self::number($env, 'STOP_TIMEOUT', 8, 0, 3600),
            $leaks,
            ($env['RESIDENT_DEBUG_HEAP'] ?? '') === '1',
        );
    }

    /** @param array<string, string> $env */
    private static function number(array $env, string $name, int $default, int $min, int $max): int
    {
        $text = $env[$name] ?? '';
        if ($text === '') {
            return $default;
        }
        $value = filter_var($text, FILTER_VALIDATE_INT, ['options' => ['min_range' => $min, 'max_range' => $max]]);

        return $value !== false
            ? $value
            : throw new BadSetting("{$name}={$text}: an integer from {$min} to {$max} is needed");
    }
}
