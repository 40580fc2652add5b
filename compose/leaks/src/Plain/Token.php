<?php

declare(strict_types=1);

namespace Leaks\Plain;

/** The same user always gets the same token. */
final class Token
{
    public static function of(string $user): string
    {
        return base64_encode($user) . '.' . hash('sha256', "leaks:{$user}");
    }

    public static function valid(string $token): bool
    {
        $user = base64_decode(explode('.', $token, 2)[0], true);

        return $user !== false && hash_equals(self::of($user), $token);
    }
}
