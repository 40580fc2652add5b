<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;

/**
 * Any user whose password is `secret` gets a token for `/private`.
 */
final class Login implements Page
{
    private const PASSWORD = 'secret';

    public function about(): About
    {
        return new About(
            'login',
            About::PAGE,
            'clean',
            'takes {user, password: secret} as JSON, answers {token}',
            method: 'POST',
        );
    }

    public function serve(Request $request): Response
    {
        $sent = json_decode($request->body, true);
        $user = $sent['user'] ?? null;
        $password = $sent['password'] ?? null;
        if (!is_string($user) || !is_string($password)) {
            return Response::json(['error' => 'send {"user": "...", "password": "..."} as JSON'], 400);
        }
        if ($password !== self::PASSWORD) {
            return Response::json(['error' => 'wrong user or password'], 401);
        }

        return Response::json(['token' => Token::of($user)]);
    }
}
