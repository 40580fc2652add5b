<?php

declare(strict_types=1);

namespace Leaks;

final class Payload
{
    /** A fresh string every time: a literal would be shared, and keeping it would cost nothing. */
    public static function of(int $bytes): string
    {
        return str_repeat('x', $bytes);
    }
}
