<?php

declare(strict_types=1);

namespace Hyperleak\Profile;

/** One of the profiler extensions, from the start of the app to the signal that asks for the profile. */
final class Profiler
{
    private const MEMORY = ['tideways_xhprof' => 'TIDEWAYS_XHPROF_FLAGS', 'xhprof' => 'XHPROF_FLAGS'];

    private static string $folder = '';

    private static string $name = '';

    private static bool $written = false;

    public static function start(string $folder, int $signal): void
    {
        self::$folder = $folder;
        self::$name = self::loaded(\explode(',', (string) \getenv('HYPERLEAK_PROFILER')));
        $missing = self::$name === '' ? 'extension' : (\function_exists('pcntl_signal') ? '' : 'pcntl');
        if ($missing !== '') {
            @\file_put_contents("{$folder}/missing", $missing);

            return;
        }
        \pcntl_async_signals(true);
        \pcntl_signal($signal, [self::class, 'onSignal']);
        if (self::$name !== 'memprof') {
            $flags = self::MEMORY[self::$name];
            // What PHP's own functions allocate counts for the app's function that called them.
            (self::$name . '_enable')(\constant("{$flags}_MEMORY") | \constant("{$flags}_NO_BUILTINS"));
        }
    }

    /** In a coroutine it waits until the event loop turns: files can't be written in between there. */
    public static function onSignal(): void
    {
        $swoole = self::swoole();
        if ($swoole !== null && "{$swoole}\\Coroutine"::getCid() > 0) {
            "{$swoole}\\Event"::defer([self::class, 'write']);

            return;
        }
        self::write();
    }

    public static function write(): void
    {
        if (self::$written) {
            return;
        }
        self::$written = true;
        if (self::$name === 'memprof') {
            \gc_collect_cycles();
            $profile = \memprof_dump_array();
            unset($profile['called_functions']['require_once ' . __DIR__ . '/prepend.php']);
        } else {
            $profile = (self::$name . '_disable')();
        }
        $told = ['extension' => self::$name, 'swoole' => self::swoole() !== null, 'profile' => $profile];
        self::keep($told + self::places(self::functions($profile)));
    }

    /** @param array<string, mixed> $told */
    private static function keep(array $told): void
    {
        $runtime = self::swoole() . '\\Runtime';
        $hooks = self::swoole() === null ? 0 : $runtime::getHookFlags();
        $hooks !== 0 && $runtime::setHookFlags(0);
        $path = self::$folder . '/profile.' . \getmypid();
        $flags = \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR;
        @\file_put_contents("{$path}.part", \json_encode($told, $flags, 4096) . "\n");
        @\chmod("{$path}.part", 0644);
        @\rename("{$path}.part", "{$path}.json");
        $hooks !== 0 && $runtime::setHookFlags($hooks);
    }

    /** @param list<string> $names */
    private static function loaded(array $names): string
    {
        foreach ($names as $name) {
            if (\extension_loaded($name)) {
                return $name;
            }
        }

        return '';
    }

    private static function swoole(): ?string
    {
        foreach (['Swoole', 'OpenSwoole'] as $name) {
            if (\class_exists("{$name}\\Coroutine", false)) {
                return $name;
            }
        }

        return null;
    }

    /**
     * @param array<string, mixed> $profile
     *
     * @return array<string, true>
     */
    private static function functions(array $profile): array
    {
        $found = [];
        if (self::$name !== 'memprof') {
            foreach ($profile as $edge => $figures) {
                $found += \array_fill_keys(\explode('==>', $edge), true);
            }

            return $found;
        }
        foreach ($profile['called_functions'] ?? [] as $name => $below) {
            $found += [$name => true] + self::functions($below);
        }

        return $found;
    }

    /**
     * Where the functions are that are written in PHP, and which are PHP's own.
     *
     * @param array<string, true> $functions
     *
     * @return array{places: object, internal: list<string>}
     */
    private static function places(array $functions): array
    {
        $places = $internal = [];
        foreach (\array_keys($functions) as $name) {
            try {
                $method = \strpos($name, '::') !== false;
                $seen = $method ? new \ReflectionMethod($name) : new \ReflectionFunction($name);
                if ($seen->isInternal()) {
                    $internal[] = $name;
                } else {
                    $places[$name] = [$seen->getFileName(), (int) $seen->getStartLine()];
                }
            } catch (\Throwable $unnamed) {
                // A closure, an included file or a method that is called by magic.
            }
        }

        return ['places' => (object) $places, 'internal' => $internal];
    }
}
