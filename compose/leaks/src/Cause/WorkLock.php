<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\Refused;

/** One holder in all workers of an app, between coroutines of one worker too: each opens the file for itself. */
final class WorkLock
{
    /** @param resource $file */
    private function __construct(private $file, private string $path)
    {
    }

    /** Does not wait: null where it is taken. */
    public static function take(string $name): ?self
    {
        if (!function_exists('posix_getppid')) {
            throw new Refused(501, 'the posix extension is missing');
        }
        // The workers of an app, and of no other, have the same parent.
        $path = sys_get_temp_dir() . '/leaks-' . posix_getppid() . "-{$name}.lock";
        $file = fopen($path, 'c');
        if (flock($file, LOCK_EX | LOCK_NB)) {
            return new self($file, $path);
        }
        fclose($file);

        return null;
    }

    /** Leaves no file; who opened it before and takes it now may have removed another's already. */
    public function release(): void
    {
        @unlink($this->path);
        fclose($this->file);
    }
}
