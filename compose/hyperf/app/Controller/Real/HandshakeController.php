<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\HttpServer\Annotation\Controller;

/**
 * Both answer 401 to a WebSocket handshake; each request needs the headers of a handshake and a new connection.
 *
 * The routes are in `config/routes.php`: a WebSocket server takes no annotated middleware.
 */
#[Controller(prefix: '/real/handshake')]
#[Leak('static', 'WebSocketServer keeps the request of a handshake that a middleware answered')]
final class HandshakeController
{
}
