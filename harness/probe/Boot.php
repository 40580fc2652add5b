<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

final class Boot
{
    private const NEEDED = ['pcntl_signal', 'pcntl_async_signals', 'pcntl_signal_get_handler'];

    /** The auto_prepend_file that PHP would have used without the probe. */
    public static ?string $displaced = null;

    public static function start(): ?string
    {
        $folder = \getenv('HYPERLEAK_PROBE_DIR');
        if (\PHP_SAPI === 'cli' && \is_string($folder) && $folder !== '') {
            $signal = (int) \getenv('HYPERLEAK_PROBE_SIGNAL');
            $obstacle = self::obstacle($signal);
            if ($obstacle === '') {
                Worker::listen($folder, $signal);
            } else {
                self::note($folder, $obstacle);
            }
        }

        return self::$displaced = self::displaced();
    }

    private static function obstacle(int $signal): string
    {
        foreach (self::NEEDED as $function) {
            if (!\function_exists($function)) {
                return \extension_loaded('pcntl') ? "{$function}() is disabled (disable_functions)" : 'no pcntl extension';
            }
        }
        if ($signal < 1 || $signal > 64) {
            return "there is no signal {$signal}";
        }

        return \pcntl_signal_get_handler($signal) === \SIG_DFL ? '' : "signal {$signal} is taken";
    }

    private static function note(string $folder, string $obstacle): void
    {
        try {
            @\file_put_contents("{$folder}/answers/obstacle", $obstacle);
        } catch (\Throwable $unimportant) {
        }
    }

    /** From PHP's ini files in the order in which PHP has read them; the last one counts. */
    private static function displaced(): ?string
    {
        $found = null;
        foreach (self::iniFiles() as $file) {
            $text = @\file_get_contents($file);
            if (\is_string($text) && \stripos($text, 'auto_prepend_file') !== false) {
                $values = @\parse_ini_string($text);
                $found = $values['auto_prepend_file'] ?? $found;
            }
        }

        return \is_string($found) && $found !== '' && $found !== 'none' ? $found : null;
    }

    /** @return list<string> */
    private static function iniFiles(): array
    {
        foreach (['php_ini_loaded_file', 'php_ini_scanned_files', 'file_get_contents', 'parse_ini_string'] as $function) {
            if (!\function_exists($function)) {
                return [];
            }
        }
        $scanned = \array_map('trim', \explode(',', (string) \php_ini_scanned_files()));
        $files = \array_merge([(string) \php_ini_loaded_file()], $scanned);

        return \array_values(\array_filter($files, static function (string $file): bool {
            return $file !== '' && \basename($file) !== 'zz-hyperleak.ini';
        }));
    }
}
