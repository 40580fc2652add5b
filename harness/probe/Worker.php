<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/**
 * Answers the harness from within a process: a signal says that there is a request, files carry it and its answer.
 *
 * The handler is inherited by every process that the app forks.
 */
final class Worker
{
    private static string $folder = '';

    private static int $bootedNs = 0;

    private static int $answered = 0;

    public static function listen(string $folder, int $signal): bool
    {
        self::$folder = $folder;
        self::$bootedNs = \hrtime(true);

        return \pcntl_signal($signal, [self::class, 'onSignal']) && \pcntl_async_signals(true) !== null;
    }

    /**
     * In a coroutine the answer waits until the event loop turns, once: then no request is half done, destructors of
     * what is collected find a coroutine of their own to wait in, and signals are no longer held back as in here.
     */
    public static function onSignal(): void
    {
        try {
            $swoole = self::swoole();
            if ($swoole !== null && "{$swoole}\\Coroutine"::getCid() > 0) {
                "{$swoole}\\Event"::defer([self::class, 'answer']);

                return;
            }
            self::answer();
        } catch (\Throwable $unimportant) {
        }
    }

    /** What else the app is doing is left as it was, whatever happens. */
    public static function answer(): void
    {
        try {
            [$id, $kind, $untilS, $limitMs] = self::request();
            if ($id === self::$answered || \microtime(true) > $untilS) {
                return;
            }
            self::$answered = $id;
            $figures = self::figures() + ['id' => $id, 'pid' => \getmypid()];
            if ($kind === 'census') {
                $figures += (new Census($limitMs))->take();
                // The collector suspects every value that was touched: so it doesn't run earlier in the app for that.
                self::collect();
            }
            self::write($id, $figures);
        } catch (\Throwable $unimportant) {
        }
    }

    public static function swoole(): ?string
    {
        foreach (['Swoole', 'OpenSwoole'] as $name) {
            if (\class_exists("{$name}\\Coroutine", false)) {
                return $name;
            }
        }

        return null;
    }

    /** @return array{int, string, float, int} id, kind, deadline (Unix time), limit of a census in ms */
    private static function request(): array
    {
        $path = self::$folder . '/request';
        $text = self::quietly(static function () use ($path): string {
            return (string) \file_get_contents($path);
        });
        [$id, $kind, $untilS, $limitMs] = \explode(' ', \trim($text)) + ['', '', '0', '0'];

        return [(int) $id, $kind, (float) $untilS, (int) $limitMs];
    }

    /** @return array<string, mixed> */
    private static function figures(): array
    {
        $coroutines = self::coroutines();
        $before = \memory_get_usage();
        $collected = self::collect();
        $heap = \memory_get_usage();

        return [
            'heap_bytes' => $heap,
            'heap_peak_bytes' => \memory_get_peak_usage(),
            'heap_reserved_bytes' => \memory_get_usage(true),
            'gc_cycles' => $collected,
            'gc_freed_bytes' => $collected === null ? null : \max(0, $before - $heap),
            'coroutines' => $coroutines,
            'timers' => self::timers(),
            'resources' => (object) self::resources(),
            'classes' => \count(\get_declared_classes()),
            'opcache' => self::opcache(),
            'uptime_s' => (\hrtime(true) - self::$bootedNs) / 1e9,
        ];
    }

    /** Null: a destructor, which is code of the app, threw or didn't let it end. */
    private static function collect(): ?int
    {
        try {
            return \gc_collect_cycles();
        } catch (\Throwable $ofADestructor) {
            return null;
        }
    }

    /** Without the one that counts. */
    private static function coroutines(): ?int
    {
        $swoole = self::swoole();
        if ($swoole === null) {
            return null;
        }

        return "{$swoole}\\Coroutine"::stats()['coroutine_num'] - ("{$swoole}\\Coroutine"::getCid() > 0 ? 1 : 0);
    }

    private static function timers(): ?int
    {
        $swoole = self::swoole();

        return $swoole === null ? null : "{$swoole}\\Timer"::stats()['num'];
    }

    /** @return array<string, int> by type */
    private static function resources(): array
    {
        $counts = [];
        foreach (\get_resources() as $resource) {
            $type = \get_resource_type($resource);
            $counts[$type] = ($counts[$type] ?? 0) + 1;
        }

        return $counts;
    }

    /** @return array<string, int>|null */
    private static function opcache(): ?array
    {
        if (!\function_exists('opcache_get_status')) {
            return null;
        }
        $status = self::quietly(static function () {
            return \opcache_get_status(false);
        });
        if (!\is_array($status) || !isset($status['memory_usage'], $status['opcache_statistics'])) {
            return null;
        }

        return [
            'used_bytes' => $status['memory_usage']['used_memory'],
            'scripts' => $status['opcache_statistics']['num_cached_scripts'],
        ];
    }

    /**
     * Neither rename() nor chmod() would leave the app's stat cache alone, so the line's end says that it is whole.
     *
     * @param array<string, mixed> $answer
     */
    private static function write(int $id, array $answer): void
    {
        $text = \json_encode($answer, \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR);
        $path = self::$folder . '/answers/' . \getmypid() . "-{$id}";
        self::quietly(static function () use ($path, $text): void {
            // The harness makes the file where it can: then it is readable for it, whatever the umask here.
            $file = \fopen($path, 'r+') ?: \fopen($path, 'x');
            if (\is_resource($file)) {
                \fwrite($file, "{$text}\n");
                \fclose($file);
            }
        });
    }

    /**
     * The app's error handler, its log and error_get_last() don't see what goes wrong in here, and nothing in here
     * waits: Swoole's hook for files would give the process threads and let the app go on in between.
     *
     * @return mixed
     */
    private static function quietly(callable $body)
    {
        \set_error_handler(static function (): bool {
            return true;
        });
        $runtime = self::swoole() . '\\Runtime';
        $hooks = self::swoole() === null ? 0 : $runtime::getHookFlags();
        $hooks !== 0 && $runtime::setHookFlags($hooks & ~\SWOOLE_HOOK_FILE);
        try {
            return $body();
        } finally {
            $hooks !== 0 && $runtime::setHookFlags($hooks);
            \restore_error_handler();
        }
    }
}
