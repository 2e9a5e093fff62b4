package postgres

// failed says whether an entry tells of an error. Its words do not come from Postgres
// then, but may come from anybody, and are not taken for an audit line.
func (e *entry) failed() bool {
	if len(e.state) == 5 {
		switch string(e.state[:2]) {
		case "00", "01", "02": // success, warning, no data
			return false
		}
		return true
	}
	return errorWord(e.severity)
}

// errorWord knows ERROR, FATAL and PANIC as Postgres translates them.
func errorWord(word []byte) bool {
	switch string(word) {
	case "ERROR", "FATAL", "PANIC",
		"FEHLER", "PANIK", // de
		"ERREUR",                     // fr
		"ERRORE", "FATALE", "PANICO", // it
		"ERRO",          // pt
		"FEL", "FATALT", // sv
		"BŁĄD", "KATASTROFALNY", // pl
		"HATA", "ÖLÜMCÜL", // tr
		"ОШИБКА", "ВАЖНО", "ПАНИКА", // ru
		"ПОМИЛКА", "ФАТАЛЬНО", "ПАНІКА", // uk
		"오류", "치명적오류", "손상", // ko
		"错误", "致命错误", "比致命错误还过分的错误", // zh
		"შეცდომა", "ფატალური", "პანიკა": // ka
		return true
	}
	return false
}

// logWord knows the severities that are no errors, as Postgres translates them.
func logWord(word []byte) bool {
	switch string(word) {
	case "LOG", "INFO", "NOTICE", "WARNING", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5",
		"HINWEIS", "WARNUNG", // de
		"ATTENTION",              // fr
		"NOTIFICA", "ATTENZIONE", // it
		"NOTA", "AVISO", // pt
		"LOGG", "NOTIS", "VARNING", // sv
		"DZIENNIK", "UWAGA", "OSTRZEŻENIE", // pl
		"UYARI", "NOT", // tr
		"СООБЩЕНИЕ", "ЗАМЕЧАНИЕ", "ПРЕДУПРЕЖДЕНИЕ", "ИНФОРМАЦИЯ", "ОТЛАДКА", // ru
		"ЗАПИСУВАННЯ", "ПОВІДОМЛЕННЯ", "ПОПЕРЕДЖЕННЯ", "ІНФОРМАЦІЯ", "НАЛАГОДЖЕННЯ", // uk
		"로그", "알림", "경고", "정보", "디버그", // ko
		"日志", "注意", "警告", "信息", "调试", // zh
		"ჟურნალი": // ka
		return true
	}
	return false
}

// part is what a line of the text log holds.
type part uint8

const (
	partPrimary   part = iota // LOG, ERROR, ...
	partDetail                // DETAIL
	partStatement             // STATEMENT
	partOther                 // HINT, CONTEXT, QUERY, LOCATION, BACKTRACE
)

// partOf knows the words that begin the second and later lines of a text log record, in
// the languages that Postgres speaks. Any other word is a severity.
func partOf(word []byte) part {
	switch string(word) {
	case "DETAIL", "DÉTAIL", "DETALLE", "DETTAGLI", "DETALJ", "DETALHE", "SZCZEGÓŁY", "AYRINTI",
		"ПОДРОБНОСТИ", "ВІДОМОСТІ", "詳細", "상세정보", "详细信息", "დეტალები":
		return partDetail
	case "STATEMENT", "ANWEISUNG", "INSTRUCTION", "SENTENCIA", "ISTRUZIONE", "SATS", "COMANDO", "WYRAŻENIE",
		"ОПЕРАТОР", "ІНСТРУКЦІЯ", "文", "명령 구문", "语句", "ოპერატორი":
		return partStatement
	case "HINT", "CONTEXT", "QUERY", "LOCATION", "BACKTRACE",
		"TIPP", "ZUSAMMENHANG", "ANFRAGE", "ORT",
		"ASTUCE", "CONTEXTE", "REQUÊTE", "EMPLACEMENT", "PILE D'APPEL",
		"CONTEXTO", "CONSULTA", "UBICACIÓN",
		"SUGGERIMENTO", "CONTESTO", "POSIZIONE",
		"TIPS", "KONTEXT", "FRÅGA", "PLATS",
		"DICA", "LOCAL", "PODPOWIEDŹ", "KONTEKST", "ZAPYTANIE", "POZYCJA", "İPUCU", "BAĞLAM", "SORGU", "YER",
		"ПОДСКАЗКА", "КОНТЕКСТ", "ЗАПРОС", "ПОЛОЖЕНИЕ", "СТЕК",
		"УКАЗІВКА", "ЗАПИТ", "РОЗТАШУВАННЯ", "ВІДСТЕЖУВАТИ",
		"ヒント", "文脈", "問い合わせ", "場所", "バックトレース",
		"힌트", "내용", "쿼리", "위치", "역추적",
		"提示", "上下文", "查询",
		"მინიშნება", "კონტექსტი", "მოთხოვნა", "მდებარეობა", "სტეკი":
		return partOther
	}
	return partPrimary
}
