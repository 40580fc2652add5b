<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

final class Boot
{
    private const NEEDED = ['pcntl_signal', 'pcntl_async_signals'];

    /** The auto_prepend_file that PHP would have used without the probe. */
    public static ?string $displaced = null;

    public static function start(): ?string
    {
        $folder = \getenv('HYPERLEAK_PROBE_DIR');
        if (\PHP_SAPI === 'cli' && \is_string($folder) && $folder !== '') {
            $obstacle = self::obstacle($folder, (int) \getenv('HYPERLEAK_PROBE_SIGNAL'));
            if ($obstacle !== '') {
                self::note($folder, $obstacle);
            }
        }

        return self::$displaced = self::displaced();
    }

    private static function obstacle(string $folder, int $signal): string
    {
        foreach (self::NEEDED as $function) {
            if (!\function_exists($function)) {
                return \extension_loaded('pcntl')
                    ? "{$function}() is disabled (disable_functions)"
                    : 'PHP has no pcntl extension: install it, or build PHP with --enable-pcntl';
            }
        }
        try {
            return @Worker::listen($folder, $signal) ? '' : "signal {$signal} can't be handled";
        } catch (\Throwable $refused) {
            return $refused->getMessage();
        }
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
        foreach (['php_ini_loaded_file', 'php_ini_scanned_files', 'parse_ini_string'] as $function) {
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
