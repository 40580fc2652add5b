<?php

declare(strict_types=1);

namespace App\Middleware;

use Hyperf\HttpMessage\Exception\UnauthorizedHttpException;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

/** Throws before the handshake is made: then Hyperf lets go of the request. */
final class RejectHandshakeMiddleware implements MiddlewareInterface
{
    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        throw new UnauthorizedHttpException("unauthorized\n");
    }
}
