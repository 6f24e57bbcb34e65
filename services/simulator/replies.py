"""What the demo's team says often: quick replies in its people's languages, and two messages with
buttons and a list."""

from services import canned_replies, structured_messages
from services.actors import System
from services.outgoing import Button, Buttons, Choices, Row, Section
from services.permissions import Permission, requires

#: Shortcut, title, language -> text.
_REPLIES: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "hola",
        "Saludo",
        {
            "es": "Hola, {{nombre}}. Soy {{mi_nombre}}, de Acogida. ¿En qué puedo ayudarle?",
            "en": "Hello {{nombre}}, this is {{mi_nombre}} from Acogida. How can I help you?",
            "fr": "Bonjour {{nombre}}, je suis {{mi_nombre}}, d'Acogida. Comment puis-je vous"
            " aider ?",
            "ar": "مرحبًا {{nombre}}، معك {{mi_nombre}} من Acogida. كيف يمكنني مساعدتك؟",
        },
    ),
    (
        "documentos",
        "Pedir documentos",
        {
            "es": "{{nombre}}, para seguir con su expediente necesitamos una foto clara de:\n"
            "– el pasaporte, la página con la foto\n"
            "– el certificado de empadronamiento, de los últimos tres meses\n"
            "Puede enviarlas por aquí.",
            "en": "{{nombre}}, to go on with your case we need a clear photo of:\n"
            "– your passport, the page with the photo\n"
            "– your registration certificate (empadronamiento), from the last three months\n"
            "You can send them here.",
            "fr": "{{nombre}}, pour continuer votre dossier, il nous faut une photo nette de :\n"
            "– votre passeport, la page avec la photo\n"
            "– votre certificat d'inscription municipale (empadronamiento), de moins de trois"
            " mois\n"
            "Vous pouvez les envoyer ici.",
            "ar": "{{nombre}}، لمتابعة ملفك نحتاج إلى صورة واضحة من:\n"
            "– جواز السفر، الصفحة التي فيها الصورة\n"
            "– شهادة التسجيل في البلدية (empadronamiento) لآخر ثلاثة أشهر\n"
            "يمكنك إرسالها هنا.",
        },
    ),
    (
        "recibido",
        "Documento recibido",
        {
            "es": "Gracias, {{nombre}}. Lo hemos recibido y lo miramos hoy.",
            "en": "Thank you, {{nombre}}. We have received it and will look at it today.",
            "fr": "Merci {{nombre}}, nous l'avons bien reçu et nous le regardons aujourd'hui.",
            "ar": "شكرًا {{nombre}}. لقد استلمناه وسننظر فيه اليوم.",
        },
    ),
    (
        "foto",
        "La foto no se lee",
        {
            "es": "{{nombre}}, en la foto no se lee bien el texto. ¿Puede hacer otra con más luz,"
            " sin flash y con el papel entero?",
            "en": "{{nombre}}, the text in the photo cannot be read. Could you take another one"
            " with more light, without flash, showing the whole page?",
            "fr": "{{nombre}}, on n'arrive pas à lire le texte sur la photo. Pouvez-vous en"
            " refaire une avec plus de lumière, sans flash, et la page entière ?",
            "ar": "{{nombre}}، النص غير واضح في الصورة. هل يمكنك تصويرها مرة أخرى بإضاءة أفضل"
            " وبدون فلاش وبحيث تظهر الورقة كاملة؟",
        },
    ),
    (
        "horario",
        "Horario de atención",
        {
            "es": "Atendemos de lunes a viernes, de 9:30 a 14:00, y los martes y jueves también de"
            " 16:00 a 18:30.",
            "en": "We are open Monday to Friday from 9:30 to 14:00, and on Tuesdays and Thursdays"
            " also from 16:00 to 18:30.",
            "fr": "Nous recevons du lundi au vendredi de 9 h 30 à 14 h, et le mardi et le jeudi"
            " aussi de 16 h à 18 h 30.",
            "ar": "نستقبلكم من الاثنين إلى الجمعة من 9:30 إلى 14:00، وكذلك الثلاثاء والخميس من"
            " 16:00 إلى 18:30.",
        },
    ),
    (
        "despedida",
        "Despedida",
        {
            "es": "Quedamos a su disposición, {{nombre}}. Un saludo, {{mi_nombre_completo}}.",
            "en": "We remain at your disposal, {{nombre}}. Kind regards, {{mi_nombre_completo}}.",
            "fr": "Nous restons à votre disposition, {{nombre}}. Cordialement,"
            " {{mi_nombre_completo}}.",
        },
    ),
)

_STRUCTURED: dict[str, Buttons | Choices] = {
    "Confirmar la cita": Buttons(
        "¿Podrá venir a su cita? Si no puede, la damos a otra persona y le buscamos otra fecha.",
        (Button("", "Sí, iré"), Button("", "No puedo ir"), Button("", "Otra fecha")),
        footer="Acogida",
    ),
    "Motivo de la consulta": Choices(
        "Para atenderle antes, díganos por qué nos escribe.",
        "Elegir",
        (
            Section(
                "Papeles",
                (
                    Row("", "Asilo", "Protección internacional, tarjeta roja"),
                    Row("", "Arraigo", "Social, laboral, familiar o de formación"),
                    Row("", "Renovación", "De una autorización que ya tiene"),
                    Row("", "Estudios", "Estancia o prórroga por estudios"),
                ),
            ),
            Section(
                "Otras cosas",
                (
                    Row("", "Una cita", "Pedir, cambiar o anular"),
                    Row("", "Un documento", "Enviar o preguntar cuál hace falta"),
                    Row("", "Otra consulta"),
                ),
            ),
        ),
    ),
}


@requires(Permission.SYSTEM)
async def enter_replies(actor: System) -> None:
    """Add them where the team has none yet."""
    await canned_replies.add_demo_replies(actor, _REPLIES)
    await structured_messages.add_demo_structured(actor, _STRUCTURED)
